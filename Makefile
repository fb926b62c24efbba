# Everyday commands. `make demo` and `make test` install what they need (Debian 12), build and run.
PREFIX ?= /usr/local

.PHONY: help demo test build check bench install format soak asan tsan fuzz tidy deps-build deps-test deps-check deps-bench clean

help:
	@echo "make demo     build, and show the main job on local disk"
	@echo "make test     every test, with sanitizers, fuzzing and real servers in short form"
	@echo "make build    the program: build/duskline"
	@echo "make check    the inner loop: build, unit, contract, short simulation, format, tidy (changed files), layering"
	@echo "make bench    figures beside other tools (minutes to an hour); one: make bench WHICH=small"
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

asan tsan:
	@cmake --preset $@ >/dev/null && cmake --build --preset $@ && ctest --test-dir build/$@ --output-on-failure -R '^(unit|contract|golden|sim)[.]'

fuzz:
	@python3 tools/run_tests.py --only fuzz

tidy: deps-check
	@cmake --preset dev >/dev/null
	@git ls-files 'src/*.cc' 'tests/*.cc' | xargs -P2 -n4 clang-tidy-19 -p build/dev --quiet

format:
	@git ls-files '*.cc' '*.h' '*.c' | xargs clang-format-19 -i

install: build
	install -D -m 755 build/release/duskline $(DESTDIR)$(PREFIX)/bin/duskline
	mkdir -p $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	build/duskline manual >$(DESTDIR)$(PREFIX)/share/man/man1/duskline.1
	build/duskline completion >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/duskline

clean:
	rm -rf build
