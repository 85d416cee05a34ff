#!/usr/bin/env bash
# Every check that wants a GPU, in eight minutes on one card, with nothing but a copy of this tree
# and the machine's own PyTorch: no network is needed there.
#
#   benchmarks/gpu.sh fetch     where there is a network: the wheels that such a machine may lack,
#                               into build/wheels, to be copied along (PYTHON_VERSION=3.12)
#   benchmarks/gpu.sh           there: the table; options are gpu.py's, such as --only speed,vq,
#                               --device cpu --quick, --data FOLDER (with MNIST), --minutes 8
#
# PYTHON names the interpreter that has torch (python3), WHEELS another folder of wheels.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
wheels=${WHEELS:-build/wheels}
needed="lightning-fabric lightning-utilities pydantic pydantic-core annotated-types
        typing-inspection pooch platformdirs zuko constriction typer"

if [ "${1:-}" = fetch ]; then
    mkdir -p "$wheels"
    names=$(echo $needed | tr ' ' '|' | tr - .)
    versions=$(grep -iE "^($names)==" constraints.txt || true)
    # shellcheck disable=SC2086
    "$python" -m pip download --no-deps --only-binary=:all: --implementation cp \
        --python-version "${PYTHON_VERSION:-3.12}" --platform manylinux_2_28_x86_64 \
        --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 -d "$wheels" \
        ${versions:-$needed}
    du -sh "$wheels"
    exit
fi

site=""
if compgen -G "$wheels/*.whl" > /dev/null; then
    site=$(mktemp -d)
    trap 'rm -rf "$site"' EXIT
    "$python" -m pip install -q --no-index --no-deps --no-compile --target "$site" "$wheels"/*.whl
fi
PYTHONPATH="$PWD${site:+:$site}" "$python" benchmarks/gpu.py "$@"
