#!/usr/bin/env bash
# What a GPU does for gpuproc, in one go and in under eight minutes: its conformance, ten questions to its driver,
# how well stages overlap, and products, element-wise work and reductions beside CuPy and PyTorch where they are
# installed. Needs no network and no packages where it lies in a folder made by bench/gpu-pack.sh.
#
#     gpu-check.sh [--opencl LIBRARY] [--device WORD] [--results FOLDER] [--build FOLDER] [--small]
#
#  --opencl    the OpenCL driver's library (libnvidia-opencl.so.1), where the system does not name one
#  --device    a part of the device's name (gpu)
#  --results   where the results go (gpu-results-DATE)
#  --build     the build to take, outside a packed folder (build)
#  --small     small sizes: whether everything works, on any device
#
# Leaves JSON, logs, timelines and summary.md. Exit code 1 where a conformance test failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
opencl='' device=gpu results=gpu-results-$(date +%Y-%m-%d-%H%M%S) build=build small=''
while [ $# -gt 0 ]; do
    case $1 in
        --opencl) opencl=$2; shift 2 ;;
        --device) device=$2; shift 2 ;;
        --results) results=$2; shift 2 ;;
        --build) build=$2; shift 2 ;;
        --small) small=1; shift ;;
        *) sed -n '2,15s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
if [ -d "$here/lib" ]; then
    bin=$here/bin tests=$here/bin
    export LD_LIBRARY_PATH=$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} GPUPROC_TEST_SOURCE=$here/tests
    packed=$here/lib/libopenblas.so.0.gz
else
    build=$(cd "$build" && pwd) || exit 2
    bin=$build/bin tests=$build/tests
    export GPUPROC_TEST_SOURCE=$here/../tests
fi
mkdir -p "$results"
results=$(cd "$results" && pwd)
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/gpu-check.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
if [ -n "${packed-}" ] && gzip -dc "$packed" >"$scratch/libopenblas.so.0"; then
    export GPUPROC_BLAS=$scratch/libopenblas.so.0
fi
export XDG_CACHE_HOME=$scratch/cache CUDA_CACHE_PATH=$scratch/nv GPUPROC_REQUIRE_DEVICE=1
mkdir -p "$XDG_CACHE_HOME"
if [ -n "$opencl" ]; then
    export OCL_ICD_FILENAMES=$opencl # both loaders have a word of their own for it
    mkdir -p "$scratch/vendors"
    echo "$opencl" >"$scratch/vendors/given.icd"
    export OCL_ICD_VENDORS=$scratch/vendors
fi
gpuproc=$bin/gpuproc
failed=0
begin=$(date +%s)
say() { printf '[%3d s] %s\n' "$(($(date +%s) - begin))" "$*"; }
# step NAME SECONDS COMMAND...: its output to NAME.log; says how it went.
step() {
    local name=$1 limit=$2 rc
    shift 2
    timeout "$limit" "$@" >"$results/$name.log" 2>&1
    rc=$?
    say "$name: $([ $rc = 0 ] && echo well || echo "exit code $rc")"
    return $rc
}

# The wall time of each report, in ms.
walls() { sed -nE 's/^[^\n]*"report": ?\{[^}]*"wall_ns": ?([0-9]+).*/\1/p' "$@" 2>/dev/null | awk '{ printf "%.1f ", $1 / 1e6 }'; }

# ---- The machine -------------------------------------------------------------
{
    uname -a
    sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1
    nproc
    command -v nvidia-smi >/dev/null && nvidia-smi
    "$gpuproc" --version
} >"$results/machine.txt" 2>&1
"$gpuproc" devices --json >"$results/devices.json" 2>"$results/devices.err"
if ! "$gpuproc" devices | grep -q opencl; then
    echo "no OpenCL device: $("$gpuproc" devices --json | head -c 600)" | tee "$results/summary.md"
    exit 1
fi

# ---- The same results as the CPU's ---------------------------------------------
for test in test_cl_map test_cl_reduce test_cl_special test_conformance test_conformance_reduce \
    test_conformance_special test_cl_device test_cl_matrix; do
    GPUPROC_TEST_SMALL=${small:+1} step "$test" 120 "$tests/$test" || failed=1
done
[ -n "$small" ] || unset GPUPROC_TEST_SMALL

# ---- Ten questions --------------------------------------------------------------
questions_of=''
[ "$device" = gpu ] || questions_of=$device
timeout 90 "$bin/gpu_questions" ${questions_of:+"$questions_of"} >"$results/questions.jsonl" 2>"$results/questions.err"
say "questions: $(grep -c . "$results/questions.jsonl") answers"

# ---- Overlap ----------------------------------------------------------------------
elements=$([ -n "$small" ] && echo 4000000 || echo 400000000)
"$gpuproc" eval "float32(random.random(($elements,), seed=1))" -o "$scratch/x.npy" --device cpu -q
for round in 1 2 3; do
    for way in overlapped sync; do
        flag=''
        [ $way = overlapped ] || flag=--sync
        # shellcheck disable=SC2086  # words are meant
        timeout 60 "$gpuproc" eval 'sqrt(x * x + 1) + x' x="$scratch/x.npy" -o "$scratch/y.npy" -f --device "$device" \
            --chunk "$((elements * 4 / 48))" $flag --json --timeline "$results/overlap-$way.svg" \
            --trace "$results/overlap-$way.trace.json" >"$results/overlap-$way-$round.json" 2>>"$results/overlap.err" ||
            say "overlap, $way: failed"
        rm -f "$results/overlap-$way.svg.old"
    done
    [ $round = 3 ] || rm -f "$results"/overlap-*.svg "$results"/overlap-*.trace.json
done
for e in 'sum(x)' 'mean(x); std(x); min(x); max(x)' 'sum(exp(sin(x)))'; do
    for d in "$device" cpu; do
        timeout 60 "$gpuproc" eval "$e" x="$scratch/x.npy" --device "$d" --json
    done
done >"$results/reductions.jsonl" 2>&1
say "overlap and reductions: done"

# ---- Products ----------------------------------------------------------------------
sizes=$([ -n "$small" ] && echo 256 || echo 4096 8192 16384)
product() { # NAME SIZE OPTIONS...
    local name=$1 n=$2
    shift 2
    timeout 120 "$gpuproc" eval 'a @ b' a="$scratch/a$n.npy" b="$scratch/b$n.npy" -o "$scratch/c.npy" -f --json "$@" \
        >>"$results/products-$name.jsonl" 2>>"$results/products.err" || say "product of $n, $name: failed"
}
for n in $sizes; do
    for m in a b; do
        "$gpuproc" eval "float32(random.random(($n, $n), seed=$n))" -o "$scratch/$m$n.npy" --device cpu -q
    done
    for round in 1 2 3; do product default "$n" --device "$device"; done
done
step tune $([ -n "$small" ] && echo 240 || echo 150) "$gpuproc" tune --device "$device" \
    --seconds "$([ -n "$small" ] && echo 1 || echo 60)" --json
for n in $sizes; do
    for round in 1 2 3; do product tuned "$n" --device "$device"; done
    product out-of-core "$n" --device "$device" --memory "$((n * n * 4))"
done
say "products: done"

# ---- Beside others --------------------------------------------------------------------
if command -v python3 >/dev/null && python3 -c 'import numpy' 2>/dev/null; then
    step peers 120 python3 "$here/gpu_peers.py" --elements "$elements" --sizes "$sizes" --out "$results/peers.jsonl"
fi
step bench 150 "$gpuproc" bench --quick --device "$device" --seconds 60 --json
mv "$results/bench.log" "$results/bench.json"

# ---- In words --------------------------------------------------------------------------
{
    echo "# $(date -u +%Y-%m-%d): $("$gpuproc" devices | grep opencl | head -1)"
    echo
    echo "Command: \`gpu-check.sh${small:+ --small}\`, $(($(date +%s) - begin)) s."
    echo
    echo "| conformance | |"
    echo "|---|---|"
    for log in "$results"/test_*.log; do
        name=$(basename "$log" .log)
        echo "| $name | $(grep -oE '\[  (PASSED|FAILED)  \].*' "$log" | head -1) |"
    done
    echo
    echo "Questions: questions.jsonl. Overlap: overlap-*.json and .svg, wall times in ms:"
    for way in overlapped sync; do
        echo "* $way: $(walls "$results"/overlap-$way-?.json)"
    done
    echo
    echo "Products, wall times in ms, in the order of sizes ($sizes), three each:"
    for kind in default tuned out-of-core; do
        echo "* $kind: $(walls "$results/products-$kind.jsonl")"
    done
} >"$results/summary.md"
say "$results/summary.md"
exit $failed
