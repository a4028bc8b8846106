#!/bin/sh
# The same work in NumPy, numexpr, Dask, PyTorch (where it is installed), OpenBLAS and cp: the cases of run.sh
# that have such peers. Options as for run.sh; see README.md.
exec "$(dirname "$0")/run.sh" --cases acnqmopt "$@"
