#!/usr/bin/env bash
# Count instructions of the Rust core under valgrind and compare with the limits in benches/instructions.rs.
# Installs what it needs: valgrind (apt, where missing and possible) and gungraun-runner in the version
# of Cargo.lock, into target/tools. Options are handed to cargo (-j1, for example).
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v valgrind >/dev/null; then
  if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
    apt-get update -qq && apt-get install -qq --yes valgrind
  elif command -v apt-get >/dev/null && command -v sudo >/dev/null; then
    sudo apt-get update -qq && sudo apt-get install -qq --yes valgrind
  else
    echo 'bench-gate: valgrind is missing; install it (apt-get install valgrind, for example)' >&2
    exit 1
  fi
fi
valgrind --version

version=$(sed -n '/^name = "gungraun"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
runner=$PWD/target/tools/bin/gungraun-runner
if [ "$("$runner" --version 2>/dev/null | awk '{print $2}')" != "$version" ]; then
  # A debug build: it compiles twice as fast and counts the same.
  CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug "$@" --root target/tools \
    --target-dir target/tools/build gungraun-runner --version "=$version"
fi

# The light profile, which keeps its symbols and whose crates `make test` has compiled already.
GUNGRAUN_RUNNER=$runner cargo bench --quiet --locked "$@" --profile quick --bench instructions
