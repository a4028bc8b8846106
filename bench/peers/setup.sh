#!/bin/sh
# Makes a virtual environment with the peers: bench/peers/setup.sh FOLDER
# Current versions are taken, and the results say which those were.
set -eu
folder=${1:?usage: setup.sh FOLDER}
[ -x "$folder/bin/python" ] || python3 -m venv "$folder"
if ! "$folder/bin/python" -c 'import numpy, numexpr' 2>/dev/null; then
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check numpy numexpr
fi
