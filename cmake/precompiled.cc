// A target needs a source; what matters is the precompiled header.
