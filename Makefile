# Everyday commands. `make demo` and `make test` install what they need (Debian 12), build and run.
PREFIX ?= /usr/local

.PHONY: help demo test build check bench install format soak asan tsan fuzz tidy deps-build deps-test deps-check deps-bench clean

help:
	@echo "make demo     build, and show the main job on local disk"
	@echo "make test     every test, with sanitizers, fuzzing and real servers in short form"
	@echo "make build    the program: build/duskline"
	@echo "make check    the inner loop: build, unit, contract, short simulation, format, tidy (changed files), layering"
	@echo "make bench    figures beside other tools (minutes to an hour); one: make bench WHICH=small"
	@echo "make asan     unit, contract, golden and simulation under address and undefined sanitizer; also: make tsan"
	@echo "make fuzz     every decoder for some seconds"
	@echo "make tidy     clang-tidy over all sources (half an hour)"
	@echo "make soak     hundreds of kills, an hour of fuzzing, ten thousand simulated histories"
	@echo "make install  program, man page and completion below PREFIX ($(PREFIX))"
	@echo "make format   clang-format over the tree"

deps-build:
	@tools/install-deps build
deps-test:
	@tools/install-deps build test check
deps-check:
	@tools/install-deps build check
deps-bench:
	@tools/install-deps build test bench

build: deps-build
	@mkdir -p build && cmake --preset release >build/configure.log || { cat build/configure.log; exit 1; }
	@cmake --build --preset release --target duskline
	@ln -sf release/duskline build/duskline

demo: build
	@python3 tools/demo.py build/duskline

test: deps-test
	@python3 tools/run_tests.py

check: deps-check
	@python3 tools/run_tests.py --quick

soak: deps-test
	@python3 tools/run_tests.py --soak

bench: deps-bench build
	@python3 bench/run.py $(WHICH)

asan tsan fuzz tidy: deps-check
	@python3 tools/run_tests.py --only $@

format:
	@git ls-files '*.cc' '*.h' '*.c' | xargs clang-format-19 -i

install: build
	install -D -m 755 build/release/duskline $(DESTDIR)$(PREFIX)/bin/duskline
	mkdir -p $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	build/duskline manual >$(DESTDIR)$(PREFIX)/share/man/man1/duskline.1
	build/duskline completion >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/duskline

clean:
	rm -rf build
