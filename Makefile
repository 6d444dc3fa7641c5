.PHONY: help setup demo test lint lock bench notebooks docs

help:
	@echo "make demo   from the embedded trial to demo/report.html"
	@echo "make test   the tests"
	@echo "make lint   ruff, the rules about files, mypy"
	@echo "make lock   resolve requirements.lock anew"
	@echo "make bench  the benchmarks (slow; see benchmarks/README.md)"
	@echo "make notebooks  run every notebook and store its outputs (minutes)"
	@echo "make docs   the documentation site, in build/site"

setup:
	@sh scripts/setup.sh

demo: setup
	@.venv/bin/bayesctc demo --out demo --overwrite

# Long files first. Bytecode is kept, for the many processes that the tests start; a worker's linear algebra has one thread.
test: setup
	@PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: setup
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/python -m scripts.lint && .venv/bin/mypy && .venv/bin/mypy tests/typing

lock:
	@uv pip compile --universal --generate-hashes --all-extras --python-version 3.12 \
		--no-header --no-annotate --quiet pyproject.toml -o requirements.lock

bench: setup
	@.venv/bin/python -m benchmarks

notebooks: setup
	@.venv/bin/python tests/notebooks.py

# Warnings are errors: a link that leads nowhere, a docstring that cannot be read. Notebooks are shown as they are stored.
# The sample report and calculator are made once; "rm -r build/extra" has them made anew.
docs: setup build/extra/sample/report.html
	@.venv/bin/python -m sphinx -b html -W --keep-going -q docs build/site && echo "build/site/index.html"

build/extra/sample/report.html: | setup
	@.venv/bin/bayesctc demo --out build/demo --overwrite
	@mkdir -p build/extra/sample
	@.venv/bin/bayesctc calculator build/demo/fit.nc --out build/extra/sample/calculator.html --overwrite
	@cp build/demo/report.html build/extra/sample/report.html
