#!/bin/sh
# Overlap without a GPU: bench/overlap.sh BUILD DATA
# Under the layer that makes PoCL a discrete GPU in time (tests/layers/gpu_layer.c), an
# expression over 96 chunks is timed overlapped and with --sync. Prints one line of JSON for
# each set of rates. The rates are so low that the work itself counts for nothing: what is
# measured is who waits for whom. Exit code 77: there is no OpenCL device.
set -eu
build=${1:?usage: overlap.sh BUILD DATA}
data=${2:?usage: overlap.sh BUILD DATA}
gpuproc=$build/bin/gpuproc
layer=$(find "$build" -name 'libgpu_layer.so' | head -n 1)
[ -n "$layer" ] || { echo "the layer is not built" >&2; exit 77; }

mib=1048576
chunks=96
rate=$((48 * mib)) # bytes per second of the slowest stage
x=$data/overlap.bin
mkdir -p "$data"
[ -f "$x" ] && [ "$(wc -c < "$x")" = $((chunks * mib)) ] || head -c $((chunks * mib)) /dev/urandom > "$x"
expression='float32(x) * 0.5 + 1'
export OPENCL_LAYERS="$layer" XDG_CACHE_HOME="$data/cache"

run() { # OUTPUT [OPTION...]
    out=$1
    shift
    "$gpuproc" eval "$expression" "x=$x,dtype=u4" -o "$out" -f --chunk 1M --progress never "$@" \
        --device "$device" --json 2> "$data/overlap.err" > "$data/overlap.json"
}
# Wall time, without starting the process and the driver: what the report says.
wall() { sed 's/.*"wall_ns": *\([0-9]*\).*/\1/' "$data/overlap.json"; }
count() { sed 's/.*"chunks": *\([0-9]*\).*/\1/' "$data/overlap.json"; }

device=cpu
run "$data/overlap-cpu.npy"
device=gpu
if ! run "$data/overlap-gpu.npy" --no-fallback; then
    cat "$data/overlap.err" >&2
    exit 77
fi # and the program is in the cache now

measure() { # NAME UP KERNEL DOWN, in parts of `rate`
    export GPUPROC_SIM_UP=$(($2 * rate)) GPUPROC_SIM_KERNEL=$(($3 * rate)) GPUPROC_SIM_DOWN=$(($4 * rate))
    export GPUPROC_SIM_LOG="$data/overlap.log"
    rm -f "$data/overlap.log"
    run "$data/overlap-gpu.npy" --no-fallback
    wall=$(wall)
    chunks_done=$(count)
    # The busy time of each engine, out of the layer's own log.
    longest=$(awk '{t[$1] += $3 - $2} END {for (e in t) if (t[e] > m) m = t[e]; print m}' "$data/overlap.log")
    same=false
    cmp -s "$data/overlap-cpu.npy" "$data/overlap-gpu.npy" && same=true
    run "$data/overlap-gpu.npy" --no-fallback --sync
    sync=$(wall)
    cmp -s "$data/overlap-cpu.npy" "$data/overlap-gpu.npy" || same=false
    awk -v name="$1" -v wall="$wall" -v longest="$longest" -v sync="$sync" -v n="$chunks_done" -v same="$same" 'BEGIN {
        printf "{\"rates\": \"%s\", \"wall_s\": %.6f, \"longest_s\": %.6f, \"sync_s\": %.6f, \"chunks\": %d, \"same\": %s}\n",
               name, wall / 1e9, longest / 1e9, sync / 1e9, n, same }'
}

# A kernel's buffers are its input and its output: at twice the rate it is as long as a copy.
measure balanced 1 2 1
measure slow-upload 1 8 4
measure slow-kernel 4 2 4
measure slow-download 4 8 1
rm -f "$data"/overlap-cpu.npy "$data"/overlap-gpu.npy
