"""A cache in the proxy's own memory, in place of memcached: Swift's s3api refuses to work without one.

A WSGI filter for the one-process proxy of swift-up; it knows as much of Swift's MemcacheRing as the proxy calls.
"""

import time


class Cache:
    def __init__(self):
        self._entries = {}

    def get(self, key, **_):
        value, expires = self._entries.get(key, (None, 0))
        if expires and expires < time.time():
            del self._entries[key]
            return None
        return value

    def set(self, key, value, time=0, **_):  # the name `time` is the caller's
        self._entries[key] = (value, now() + time if time else 0)

    def incr(self, key, delta=1, time=0, **_):
        value = max(0, int(self.get(key) or 0) + delta)
        self.set(key, value, time=time)
        return value

    def decr(self, key, delta=1, time=0, **_):
        return self.incr(key, -delta, time=time)

    def delete(self, key, **_):
        self._entries.pop(key, None)

    def set_multi(self, mapping, server_key, time=0, **_):
        for key, value in mapping.items():
            self.set(key, value, time=time)

    def get_multi(self, keys, server_key, **_):
        return [self.get(key) for key in keys]


def now():
    return time.time()


def filter_factory(_global_conf, **_local_conf):
    cache = Cache()

    def wrap(application):
        def serve(environment, start_response):
            environment["swift.cache"] = cache
            return application(environment, start_response)

        return serve

    return wrap
