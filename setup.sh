#!/usr/bin/env bash
# Makes the virtual environment of a checkout: locked dependencies, then paiwatch itself, editable.
# Needs a Python >= 3.11 with venv; on Debian as root it installs a missing python3-venv by itself.
set -euo pipefail
venv=${1:-.venv}

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

python=
for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
  [ -n "$candidate" ] || continue
  command -v "$candidate" >/dev/null 2>&1 || continue
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || fail "no Python 3.11 or newer found; install one, or name it: make setup PYTHON=/path/to/python3"

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "setup: python3-venv is missing; installing it"
    apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
  else
    fail "$python has no venv module; on Debian: sudo apt-get install python3-venv"
  fi
fi

if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
  rm -rf "$venv"
  "$python" -m venv "$venv"
fi
echo "setup: installing locked dependencies into $venv (a minute at most, the first time)"
"$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.lock
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
# Byte-compile once: a daemon and its CLI must not pay compilation on each start.
"$venv/bin/python" -m compileall -q paiwatch >/dev/null || true
echo "setup: ready ($("$venv/bin/python" --version), $venv/bin/paiwatch)"
