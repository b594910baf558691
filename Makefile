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

optee: setup    ## the same tests on a real OP-TEE, in QEMU
	@tests/vm/optee

xtest:          ## OP-TEE's own test suite, on its device and through teed; RUN=fast: a part
	@tests/vm/xtest $(RUN)

optee-shell:    ## a prompt in the machine with OP-TEE and the daemon
	python3 tests/vm/run.py shell

setup:
	@scripts/setup

clean:          ## remove what was made here
	rm -rf .venv build results .pytest_cache .mypy_cache .ruff_cache .hypothesis teed/*/_*.so

.PHONY: help demo test lint optee xtest optee-shell setup clean
