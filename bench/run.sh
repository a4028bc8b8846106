#!/bin/sh
# Measures gpuproc against its peers: bench/run.sh [--name NAME] [--cases LETTERS] [...]
# Builds what is missing below build/. Exit code 3: a mark was missed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
build=${GPUPROC_BUILD:-$root/build}
[ -f "$build/CMakeCache.txt" ] || cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release >&2
cmake --build "$build" --parallel "$(nproc)" --target gpuproc gpuproc_bench_memory gpu_layer >&2
"$here/peers/setup.sh" "$build/bench-peers"
exec "$build/bench-peers/bin/python" -B "$here/measure.py" --build "$build" \
    --data "$build/bench-data" --python "$build/bench-peers/bin/python" "$@"
