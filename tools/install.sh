#!/usr/bin/env bash
# install.sh FOLDER LOCK: exactly what the lock names, hashes checked, then Ullage itself (editable, nothing fetched).
set -euo pipefail
folder=$1 lock=$2
echo "Installing $lock into $folder …"
uv=.venv/bin/uv
"$uv" pip install --quiet --python "$folder/bin/python" --require-hashes --compile-bytecode -r "$lock"
"$uv" pip install --quiet --python "$folder/bin/python" --no-deps --no-build-isolation --editable .
