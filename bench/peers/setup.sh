#!/bin/sh
# Makes a virtual environment with the peers: bench/peers/setup.sh FOLDER
# Current versions are taken, and the results say which those were. Dask may be missing. PyTorch is
# measured where it is installed in that environment; a build without CUDA is enough and much smaller.
set -eu
folder=${1:?usage: setup.sh FOLDER}
[ -x "$folder/bin/python" ] || python3 -m venv "$folder"
pip() { "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
"$folder/bin/python" -c 'import numpy, numexpr' 2>/dev/null || pip numpy numexpr
"$folder/bin/python" -c 'import dask.array' 2>/dev/null || pip 'dask[array]' ||
    echo "setup.sh: no Dask, its part is left out" >&2
