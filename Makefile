# The front door: `make` lists what can be done. Building itself is Meson's.
#
# PORT (8080), VAR (var) and BIND (127.0.0.1) choose where `make run` runs; YES=1 answers yes;
# T=name is one test; STORE=dynamodb runs it on DynamoDB Local. make hands them on as they are given.

.PHONY: images compose-test kube-test install uninstall install-test help setup build run ready demo test unit check deploy-check fuzz sanitizers alloc chaos overload bench bench-large clean clean-room
.DEFAULT_GOAL := help

help:
	@echo 'make run     install what is missing, build, and run everything here; Ctrl-C stops it'
	@echo 'make demo    (in a second terminal) the whole story: top-up, payments, bills, mails'
	@echo 'make ready   wait until what make run started can serve'
	@echo 'make test    install what tests need, and run them all; T=name runs one'
	@echo 'make unit    build, and run the unit tests'
	@echo 'make check   the static checks'
	@echo 'make alloc   every allocation of our code fails in turn (15 minutes); see tools/alloc'
	@echo 'make sanitizers  unit tests and journeys under ASan, UBSan and TSan, by gcc and clang'
	@echo 'make fuzz    every parser of outside bytes, SECONDS= each (60)'
	@echo 'make chaos   kill, fill and jump for SECONDS=600; SEED=n repeats a run'
	@echo 'make images  build every container image; compose-test and kube-test run the whole system from'
	@echo '             them, in containers and in a Kubernetes made for it (root)'
	@echo 'make install  on this machine, to be run by systemd (root); uninstall keeps data unless PURGE=1;'
	@echo '             install-test does all of it in a bare Debian 12 that systemd runs (root)'
	@echo 'make deploy-check  infrastructure, workflows, alerts and manifests, without a cloud'
	@echo 'make overload  twice what can be answered, for SECONDS=60, and slow clients'
	@echo 'make clean-room  run and demo in a bare Debian 12 (root); FULL=1: the tests too'
	@echo 'make bench   the numbers; make bench-large: those with ten million entries'
	@echo 'make build   build only'
	@echo 'make setup   install what make run needs, only'
	@echo 'make clean   remove what these made: builds, data, logs, secrets'
	@echo
	@echo 'PORT=8080 VAR=var BIND=127.0.0.1 choose where it runs; YES=1 does not ask;'
	@echo 'STORE=dynamodb runs it on DynamoDB Local, fetched from Amazon.'

setup:
	@tools/setup run

build:
	@tools/build build
	@tools/web build

# Without the tests, which are most of what there is to build.
PROGRAMS := $(foreach service,$(notdir $(wildcard services/*)),services/$(service)/moneypal-$(service)) \
	sandbox/stripe/moneypal-sandbox-stripe cli/mpctl/mpctl

run: setup
	@echo 'Building what has changed; the first time takes a minute or two'
	@TARGETS="$(PROGRAMS)" tools/build build
	@tools/web build
	@/usr/bin/setpriv --pdeathsig TERM deploy/local/launch run

ready:
	@deploy/local/launch ready

demo:
	@/usr/bin/python3 -B tests/demo/demo.py

test:
	@tools/test

unit:
	@tools/build build
	@tools/unit build

check:
	@tools/check

alloc:
	@tools/setup test
	@tools/build build-asan
	@tools/alloc

sanitizers:
	@tools/setup test
	@tools/sanitizers

# bash has a SECONDS of its own.
fuzz:
	@tools/setup test
	@tools/build build-asan
	@env -u SECONDS tools/fuzz $(or $(SECONDS),60)

chaos:
	@tools/build build
	@env -u SECONDS CHAOS_S=$(or $(SECONDS),600) /usr/bin/python3 -B -m pytest -p no:cacheprovider -s \
		tests/system/test_chaos.py

deploy-check:
	@tools/setup test
	@tools/build build
	@tools/deploy-check

overload:
	@tools/build build
	@env -u SECONDS OVERLOAD_S=$(or $(SECONDS),60) /usr/bin/python3 -B -m pytest \
		-p no:cacheprovider -s tests/system/test_overload.py

bench:
	@tools/build build
	@if [ "$(STORE)" = dynamodb ]; then bench/dynamodb; else bench/run; fi

bench-large:
	@tools/build build
	@bench/large

clean:
	@deploy/local/launch clean
	@rm -rf .venv build build-asan build-asan-gcc build-tsan \
		build-tsan-clang build-node web/dist web/node_modules web/test-results \
		web/src/api/generated
	@echo 'removed what was built'

clean-room:
	@tools/clean-room

images:
	@deploy/images/build

compose-test: images
	@deploy/compose/test

# KEEP=1 waits before it ends, for a look.
kube-test: images
	@tests/kube/run

# DESTDIR=FOLDER: below it, for a package.
install: setup
	@TARGETS="$(filter-out sandbox/%,$(PROGRAMS))" tools/build build
	@tools/web build
	@deploy/systemd/install install

uninstall:
	@deploy/systemd/install uninstall

install-test:
	@tests/systemd/run
