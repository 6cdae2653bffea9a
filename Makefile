# make demo    the whole story on invented data, served at http://127.0.0.1:8000
# make test    the tests; on the servers too that DATABASE_URL and REDIS_URL name
# make lint    style and types
# make bench   speed, as JSON
# make oracles second opinions on our formats, each in an environment of its own

PYTHON ?= python3.11
UV_VERSION := 0.13.9
BIN := .venv/bin
export UV_PYTHON_DOWNLOADS := never
export VIRTUAL_ENV := $(CURDIR)/.venv

.DEFAULT_GOAL := demo
.PHONY: demo test lint bench oracles install install-dev

demo: install
	@DEMO=1 exec $(BIN)/python manage.py demo $(ARGS)

# What is compiled is kept, whatever the environment says: some hundred processes of ours begin in the tests.
test: export PYTHONDONTWRITEBYTECODE :=
test: install-dev
	$(BIN)/pytest -n $(or $(WORKERS),2) $(ARGS)

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .

bench: install-dev
	$(BIN)/python -m tests.bench $(ARGS)

oracles: install-dev
	$(PYTHON) -m venv .venv-cwt && .venv-cwt/bin/pip install -q --require-hashes -r tests/oracle/requirements-cwt.lock
	$(PYTHON) -m venv .venv-scitt && .venv-scitt/bin/pip install -q --require-hashes -r tests/oracle/requirements-scitt.lock
	$(BIN)/pytest tests/oracle/test_cwt.py tests/oracle/test_scitt.py $(ARGS)

# Whatever is pinned is installed once, by hash: by uv where it is or can be had, else by pip, which takes longer.
install: .venv/requirements.stamp .venv/unitproof.stamp
install-dev: .venv/requirements-dev.stamp .venv/unitproof.stamp

$(BIN)/python:
	@uv venv -q --python $(PYTHON) .venv 2>/dev/null || $(PYTHON) -m venv .venv

.venv/uv.stamp: | $(BIN)/python
	@command -v uv >/dev/null || $(BIN)/python -m pip install -q uv==$(UV_VERSION) 2>/dev/null || echo "no uv: pip it is"
	@touch $@

# A runtime without the tools of development is enough for the demo; the second set contains the first.
.venv/%.stamp: %.lock .venv/uv.stamp
	$(call pip_install,--require-hashes -r $<)
	@touch $@

.venv/unitproof.stamp: pyproject.toml .venv/uv.stamp
	$(call pip_install,--no-deps -e .)
	@touch $@

define pip_install
@echo "installing $(1)"
@PATH="$$PATH:$(CURDIR)/$(BIN)"; if command -v uv >/dev/null; \
	then uv pip install -q $(1); else $(BIN)/python -m pip install -q $(1); fi
endef
