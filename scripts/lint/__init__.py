"""Rules about the files of this repository that ruff and mypy do not know: `python -m scripts.lint`."""
