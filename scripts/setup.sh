#!/bin/sh
# Builds .venv from requirements.lock. Needs a Python >= 3.12 somewhere; brings its own uv.
# A stamp of the lock makes a second call instant. What is compiled last is needed by nothing: fits compile what they miss.
set -eu
cd "$(dirname "$0")/.."

stamp=.venv/.lock-stamp
wanted=$(cat requirements.lock pyproject.toml | cksum)
if [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi

# A name on the path may be a shim of an absent version, so each candidate has to run.
new_enough() {
    "$1" -c 'import sys; sys.exit(not (3, 12) <= sys.version_info[:2] < (3, 15))' >/dev/null 2>&1
}
python=
for candidate in "${PYTHON:-}" python3.13 python3.12 python3.14 python3 "$HOME"/.pyenv/versions/*/bin/python /opt/python/*/bin/python; do
    if [ -n "$candidate" ] && new_enough "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "setup: no Python 3.12, 3.13 or 3.14 found; install one, or name it: PYTHON=/path/to/python make setup" >&2
    exit 1
fi
echo "setup: $("$python" --version) ($python)"

uv=uv
if ! uv --version >/dev/null 2>&1; then
    uv=.tools/bin/uv
    if ! "$uv" --version >/dev/null 2>&1; then
        "$python" -m venv .tools
        .tools/bin/python -m pip install --quiet --disable-pip-version-check uv
    fi
fi

"$uv" venv --quiet --clear --python "$("$python" -c 'import sys; print(sys.executable)')" .venv
"$uv" pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements.lock
"$uv" pip install --quiet --python .venv/bin/python --no-deps --editable .
.venv/bin/python -m compileall -q bayesctc
echo "$wanted" > "$stamp"
echo "setup: .venv is ready; compiling the likelihood (Ctrl-C: the first fit does it instead)"
.venv/bin/python -m bayesctc.cli.compile_ahead || echo "setup: not compiled; the first fit does it instead" >&2
