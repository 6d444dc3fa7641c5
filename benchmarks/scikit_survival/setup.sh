#!/bin/sh
# An environment with scikit-survival, apart from the project's.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
environment="$here/../.scikit_survival"
test -d "$environment" || "${PYTHON:-python3}" -m venv "$environment"
"$environment/bin/pip" install --quiet scikit-survival==0.28.0
