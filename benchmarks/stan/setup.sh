#!/bin/sh
# Builds benchmarks/.stan/venv with PyStan, apart from the project's own environment.
# Needs Python 3.12 or 3.13 (httpstan's wheels), g++, and uv or the main environment's `pip install uv`.
set -eu
cd "$(dirname "$0")/../.."

python=${PYTHON:-.venv/bin/python}
command -v g++ >/dev/null || { echo "setup: PyStan compiles models with g++, which is missing" >&2; exit 1; }
uv=uv
if ! "$uv" --version >/dev/null 2>&1; then
    uv=.tools/bin/uv
fi
"$uv" venv --quiet --clear --python "$("$python" -c 'import sys; print(sys.executable)')" benchmarks/.stan/venv
"$uv" pip install --quiet --python benchmarks/.stan/venv/bin/python pystan==3.14.0 httpstan==4.17.0
# PyStan has no option for the compiler's optimisations, which the best code is written for
stanc=$(benchmarks/.stan/venv/bin/python -c 'import httpstan; print(httpstan.__path__[0])')/stanc
mv "$stanc" "$stanc.plain"
printf '#!/bin/sh\nexec "$0.plain" --O1 "$@"\n' >"$stanc"
chmod +x "$stanc"
echo "setup: benchmarks/.stan/venv is ready"
