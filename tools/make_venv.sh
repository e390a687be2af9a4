#!/usr/bin/env bash
# make_venv.sh PYTHON FOLDER: an environment with uv in it. Debian splits venv off Python; root installs it on the way.
set -euo pipefail
python=$1 folder=$2
if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
  echo "Ullage needs Python 3.11, and '$python' is another version. Fix: make PYTHON=/path/to/python3.11 …" >&2
  exit 1
fi
if ! "$python" -m venv "$folder" >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    "$python" -m venv "$folder"
  else
    echo "Python has no venv module. Fix: sudo apt-get install python3-venv" >&2
    exit 1
  fi
fi
"$folder/bin/pip" install --quiet --disable-pip-version-check "uv==$(cat requirements/uv.version)"
