#!/usr/bin/env bash
# Install the release wheel, and a wheel built from the sdist, each into an empty environment, and try them.
# usage: .ci/smoke.sh PYTHON DIST
set -euo pipefail
python=$1
dist=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

try() { # NAME WHEEL
  "$python" -m venv "$work/$1"
  "$work/$1/bin/python" -m pip install --quiet "$2"
  (cd "$work" && "$work/$1/bin/python" -I "$here/smoke.py")
}

wheel=$(ls -t "$dist"/isoflop-*.whl | head -n 1)
case $wheel in
  *-cp311-abi3-*) ;;
  *) echo "smoke: $wheel is not an abi3 wheel for 3.11+" >&2; exit 1 ;;
esac
try wheel "$wheel"

# The compiled dependencies are shared with the tree (same profile); the sources are those of the sdist.
sdist=$(ls -t "$dist"/isoflop-*.tar.gz | head -n 1)
CARGO_TARGET_DIR="$here/../target" "$python" -m pip wheel --quiet --no-deps --wheel-dir "$work/built" "$sdist"
try sdist "$work"/built/isoflop-*.whl
echo "smoke: the wheel and the wheel from the sdist both work"
