# The common commands, and no more: each line says what it runs.

help:           ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

demo: setup     ## a client encrypts a file through teed, on /dev/tee0 or the emulator
	@.venv/bin/python examples/demo.py

test: setup     ## the tests, on the emulator
	.venv/bin/python -m pytest
	.venv/bin/python -m pytest tests/conformance --teed-allocates

lint: setup     ## ruff and mypy
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

bench: setup    ## how fast teed is, and whether as fast as promised; ARGS="--quick": a look
	@.venv/bin/python -c 'import matplotlib' 2>/dev/null || \
	    .venv/bin/pip install -qq --disable-pip-version-check -e '.[bench]'
	@.venv/bin/python tests/bench/run.py $(ARGS)

bench-optee:    ## the same question on the real OP-TEE: stock libteec on its device, and teed
	@tests/bench/optee/run $(ARGS)

optee: setup    ## the same tests on a real OP-TEE, in QEMU
	@tests/vm/optee

xtest:          ## OP-TEE's own test suite, on its device and through teed; RUN=fast: a part
	@tests/vm/xtest $(RUN)

optee-shell:    ## a prompt in the machine with OP-TEE and the daemon
	python3 tests/vm/run.py shell

setup:
	@scripts/setup

clean:          ## remove what was made here
	rm -rf .venv build client/libteec/build results .pytest_cache .mypy_cache .ruff_cache .hypothesis teed/*/_*.so

.PHONY: help demo test lint bench bench-optee optee xtest optee-shell setup clean
