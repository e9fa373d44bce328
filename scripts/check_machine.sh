#!/usr/bin/env bash
# Says in one line what is missing on this machine, before anything is installed.
set -euo pipefail
python=${PYTHON:-python3}

fail() {
  echo "swarm_chain: $*" >&2
  exit 1
}

command -v "$python" >/dev/null || fail "Python 3.11 to 3.13 is needed and '$python' is not there. Install it, or name one: make PYTHON=python3.12"
"$python" - <<'PY' || fail "Python 3.11 to 3.13 is needed; $("$python" --version) was found. Name another: make PYTHON=python3.12"
import sys
sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PY
"$python" -c 'import ensurepip' 2>/dev/null || fail "Python's venv module is needed (on Debian: apt-get install python3-venv)"
command -v node >/dev/null || fail "Node 20 or newer is needed for the local chain; install it from your system's packages"
major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
[ "$major" -ge 20 ] || fail "Node 20 or newer is needed; $(node --version) was found"
command -v npm >/dev/null || fail "npm is needed beside Node"
