# The doors for people and for CI. Works with GNU make 3.81 (macOS), in any folder, as any user.
# Everything is installed into .venv, once; it is made again when pyproject.toml or constraints.txt change.

SHELL := /bin/sh
# onnxruntime sends usage data unless this is there before a process that imports it starts.
export ORT_DISABLE_TELEMETRY := 1
# Compiled once, not anew by each process of a test run.
unexport PYTHONDONTWRITEBYTECODE
PY := .venv/bin/python
MADE_HERE := $(shell [ "$$(cat .venv/made-in 2>/dev/null)" = "$$(pwd -P)" ] && $(PY) -c '' 2>/dev/null && echo yes)

# A unit test that hangs is found by hand: the watch for it would cost a millisecond a test.
# Tests share nothing and run side by side, those of whole farms too; those that really infer take turns.
UNIT := -m "not (ssh or postgres or browser or arm64 or integration)" \
	$(addprefix --ignore tests/,integration arm64 dashboard training) -o faulthandler_timeout=0

SURVIVES := tests/integration/test_survives.py
# What takes long: training, benchmarks in small, the detector's scores, scaled time, installing over SSH, runs that
# heat cuts into segments, a canary whose clock is capped, signing in to the dashboard by a provider, faults by the dozen.
SLOW := tests/training tests/benchmarks tests/orchestrator/demo/detection tests/orchestrator/simulator/test_scaled_time.py \
	$(addprefix tests/integration/,test_equipping.py test_segments.py test_canary.py test_dashboard_oidc.py \
	test_faults_caught.py test_survives_campaign.py)
# Whole thermal studies in scaled time, a minute and more each.
THERMAL := $(addprefix tests/integration/,test_pace.py test_sweep.py test_example.py test_start_groups.py)

.PHONY: help setup torch demo demo-full test test-survives test-slow test-thermal test-faults test-arm64 unit bench lint clean remake
.DEFAULT_GOAL := help

help:
	@echo "make setup   make .venv with pifarm, the simulated boards and the test tools"
	@echo "make torch   install PyTorch as well, which is large: for variants and tests that need it"
	@echo "make demo    run the whole farm on this machine (ARGS='...' goes to pifarm demo)"
	@echo "make demo-full  the same with PyTorch and every scene, and its table beside a published one; takes longer"
	@echo "make test    run the tests: unit, ssh, postgres, browser, integration; the suites below take longer"
	@echo "make test-survives  one fault at a time against a real farm: what CI runs after the tests"
	@echo "make test-slow  training, benchmarks in small, installing over SSH; laws with more examples"
	@echo "make test-thermal  soaks, sweeps and searches of whole studies on simulated boards, in scaled time"
	@echo "make test-faults  kill, cut, fill and corrupt things during 224 runs, and count (ARGS='--seed 7')"
	@echo "make test-arm64   set up and measure on emulated arm64 boards; needs root and Debian (docs/boards.md)"
	@echo "make unit    run the unit tests only"
	@echo "make bench   run every benchmark, about an hour (ARGS='--only push' for some, ARGS=--json for machines)"
	@echo "make lint    run ruff check, ruff format --check and mypy --strict"
	@echo "make clean   remove .venv and everything that tools left behind"

setup: .venv/stamp

.venv/stamp: pyproject.toml constraints.txt $(if $(MADE_HERE),,remake)
	@PYTHON="$(PYTHON)" sh scripts/make-venv

remake:

# A CPU build where one is offered, and pnnx, which needs it: tests that want them say that they are skipped.
torch: .venv/stamp
	@$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch pnnx
	@$(PY) -c 'import torch; print("torch", torch.__version__, "" if torch.version.cuda is None else "(a CUDA build)")'

demo: .venv/stamp
	@.venv/bin/pifarm demo $(ARGS)

# What was published of a network beside what was measured here, made in the same ways.
demo-full: torch
	@.venv/bin/pifarm demo --full $(ARGS)
	@$(PY) -m examples.yolov9

test: .venv/stamp
	@bash scripts/install-test-packages
	@$(PY) -m pytest -n 3 --dist loadfile -m "not (arm64 or slow)" --ignore tests/integration $(addprefix --ignore ,$(SLOW)) $(ARGS)
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder tests/integration $(addprefix --ignore ,$(SURVIVES) $(THERMAL) $(SLOW)) $(ARGS)

# One fault at a time, each counted by the checker. CI runs it after the tests.
test-survives: .venv/stamp
	@$(PY) -m pytest -n 3 $(SURVIVES) $(ARGS)

# Training and its tests need PyTorch, and would be skipped without a word.
test-slow: torch
	@bash scripts/install-test-packages
	@$(PY) -m pytest -n 2 --dist loadfile $(SLOW) $(ARGS)
	@$(PY) -m pytest -m slow tests/dashboard $(ARGS)
	@$(PY) -m pytest -n 2 --dist loadfile -m "hypothesis and not arm64" --hypothesis-profile thorough $(ARGS)

test-thermal: .venv/stamp
	@$(PY) -m pytest -n 2 --dist loadfile $(THERMAL) $(ARGS)

# Faults from a seed on simulated boards; what they cost is counted from the boards' own logs and the database.
test-faults: .venv/stamp
	@$(PY) -m tests.faults $(ARGS)

# Shows what was typed and answered. An emulated board takes its time, so no test is late.
test-arm64: .venv/stamp
	@bash scripts/install-arm64-packages
	@$(PY) -m pytest tests/arm64 -v -s --durations 8 -o faulthandler_timeout=0 $(ARGS)

unit: .venv/stamp
	@$(PY) -m pytest -n 2 $(UNIT) $(ARGS)

bench: .venv/stamp
	@$(PY) -m benchmarks $(ARGS)

lint: .venv/stamp
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy --strict .

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
