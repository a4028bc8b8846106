#!/usr/bin/env bash
# What a GPU does for gpuproc, in one go and in under eight minutes: its conformance, ten questions to its driver,
# how well stages overlap, and products, element-wise work and reductions beside CuPy and PyTorch where they are
# installed. Needs no network and no packages where it lies in a folder made by bench/gpu-pack.sh.
#
#     gpu-check.sh [--opencl LIBRARY] [--device WORD] [--results FOLDER] [OPTIONS]
#
#  --opencl    the OpenCL driver's library (libnvidia-opencl.so.1), where the system does not name one
#  --device    a part of the device's name (gpu)
#  --results   where the results go (gpu-results-DATE)
#  --against   the results of an earlier run, to say what has changed beyond noise
#  --build     the build to take, outside a packed folder (build)
#  --small     small sizes: whether everything works, on any device
#  --simulated the device is made to look like a discrete GPU, in time as well (tests/layers)
#  --minutes   how long all of it may take (8); what finds no time is left out, and said
#
# Leaves JSON, logs, timelines and summary.md, and all of it once more as FOLDER.tar.gz. A step that fails is shown
# and the others go on. Exit code 1 where a conformance test failed or found no time.
# shellcheck disable=SC2317  # functions that `step` has a shell of its own run
set -u
here=$(cd "$(dirname "$0")" && pwd)
opencl='' device=gpu results=gpu-results-$(date +%Y-%m-%d-%H%M%S) build=build small='' against='' minutes=8
simulated='' command="gpu-check.sh $*"
usage() {
    sed -n '2,18s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case $1 in
        --opencl | --device | --results | --build | --against | --minutes)
            [ $# -gt 1 ] || usage
            declare "${1#--}=$2"
            shift 2
            ;;
        --small | --simulated) declare "${1#--}=1"; shift ;;
        *) usage ;;
    esac
done
if [ -d "$here/lib" ]; then
    bin=$here/bin tests=$here/bin layer=$here/layers/libgpu_layer.so
    export LD_LIBRARY_PATH=$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} GPUPROC_TEST_SOURCE=$here/tests
    packed=$here/lib/libopenblas.so.0.gz
else
    build=$(cd "$build" && pwd) || exit 2
    bin=$build/bin tests=$build/tests layer=$build/lib/libgpu_layer.so
    export GPUPROC_TEST_SOURCE=$here/../tests
fi
[ -z "$against" ] || against=$(cd "$against" && pwd) || exit 2
[ -z "$opencl" ] || [ "${opencl#*/}" = "$opencl" ] || opencl=$(realpath "$opencl")
mkdir -p "$results" && results=$(cd "$results" && pwd) || exit 2
if [ -n "$(ls -A "$results")" ]; then
    echo "$results is not empty: the results of two runs would be mixed" >&2
    exit 2
fi

# Arrays lie in memory where there is room: what is measured is the device, not a disk.
room() { [ "$(df -Pk "$1" 2>/dev/null | awk 'NR == 2 { print $4 }')" -gt "$2" ] 2>/dev/null; }
folder=${TMPDIR:-/var/tmp}
room /dev/shm "$([ -n "$small" ] && echo 1000000 || echo 14000000)" && [ -w /dev/shm ] && folder=/dev/shm
scratch=$(mktemp -d "$folder/gpu-check.XXXXXX") || exit 2
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ -n "${packed-}" ] && gzip -dc "$packed" >"$scratch/libopenblas.so.0"; then
    export GPUPROC_BLAS=$scratch/libopenblas.so.0
fi
cd "$scratch" || exit 2 # tests leave things where they stand
export XDG_CACHE_HOME=$scratch/cache CUDA_CACHE_PATH=$scratch/nv GPUPROC_REQUIRE_DEVICE=1
mkdir -p "$XDG_CACHE_HOME" "$scratch/steps"
if [ -n "$opencl" ]; then
    export OCL_ICD_FILENAMES=$opencl # both loaders have a word of their own for it
    mkdir -p "$scratch/vendors"
    echo "$opencl" >"$scratch/vendors/given.icd"
    export OCL_ICD_VENDORS=$scratch/vendors
fi
if [ -n "$simulated" ]; then
    export OPENCL_LAYERS=$layer GPUPROC_SIM_UP=${GPUPROC_SIM_UP:-4e9} GPUPROC_SIM_DOWN=${GPUPROC_SIM_DOWN:-4e9} \
        GPUPROC_SIM_KERNEL=${GPUPROC_SIM_KERNEL:-8e9}
fi
gpuproc=$bin/gpuproc

begin=$(date +%s)
passed() { echo "$(($(date +%s) - begin))"; }
left() { echo "$((minutes * 60 - 10 - $(passed)))"; } # seconds; the last ten are for the summary
exec 3>&1
say() { printf '[%3d s] %s\n' "$(passed)" "$*" >&3; }

# step NAME SECONDS COMMAND...: runs it for at most so long (of eight minutes in all), and for no longer than there is
# time; says how it went. Who does not stop at once has $grace seconds (5) for it.
step() {
    local name=$1 limit=$(($2 * minutes / 8)) rc from how
    shift 2
    from=$(passed)
    [ "$limit" -le "$(left)" ] || limit=$(left)
    if [ "$limit" -lt 2 ]; then # not worth the start
        rc=125 how='left out: no time'
    else
        timeout -k "${grace:-5}" "$limit" "$@"
        rc=$?
        case $rc in
            0) how=well ;;
            124 | 137) how="not ended after $limit s" ;;
            *) how="exit code $rc" ;;
        esac
    fi
    say "$name: $how"
    printf '%d\t%s\t%s\t%d\n' "$from" "$name" "$how" "$(($(passed) - from))" >"$scratch/steps/$(printf '%04d' "$from")-$name"
    return "$rc"
}

# ---- The machine -------------------------------------------------------------
{
    uname -a
    sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1
    nproc
    command -v nvidia-smi >/dev/null && nvidia-smi
    "$gpuproc" --version
} >"$results/machine.txt" 2>&1
if ! "$gpuproc" devices --json >"$results/devices.json" 2>"$results/devices.err" ||
    ! grep -q '"kind":"opencl' "$results/devices.json"; then
    { echo "no OpenCL device:"; cat "$results/devices.err" "$results/devices.json"; } | tee "$results/summary.md"
    exit 1
fi

# ---- The same results as the CPU's ---------------------------------------------
# Most of their time is the compiler's, on one core each: as many at once as there are cores. All of them together have
# less than half of the time.
conformance='test_conformance_reduce test_cl_matrix test_cl_device test_conformance test_cl_reduce test_cl_special
    test_cl_map test_conformance_special'
[ -n "$small" ] && export GPUPROC_TEST_SMALL=1
for test in $conformance; do
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
    step "$test" $((200 - $(passed) * 8 / minutes)) "$tests/$test" >"$results/$test.log" 2>&1 &
done
wait
unset GPUPROC_TEST_SMALL
failed=0
for test in $conformance; do
    grep -q '	well	' "$scratch"/steps/????-"$test" || failed=1
done

# ---- Ten questions --------------------------------------------------------------
# Each is a process of its own: a driver that hangs or crashes at one of them answers the others. What it had told
# until then stays. All of them together have 90 s. 0 is who it is; 7 is asked by the bench and by tune.
asked=$(passed)
for question in 0:10 1:15 2:40 3:20 4:15 5:20 6:20 8:20 9:15 10:20; do
    rest=$((90 - ($(passed) - asked) * 8 / minutes)) limit=${question#*:}
    [ "$limit" -le "$rest" ] || limit=$rest
    # shellcheck disable=SC2046  # no word is no argument
    step "question-${question%:*}" "$limit" "$bin/gpu_questions" --question "${question%:*}" \
        $([ "$device" = gpu ] || echo "$device") >>"$results/questions.jsonl" 2>>"$results/questions.err"
done

# ---- Overlap, reductions -----------------------------------------------------------
elements=$([ -n "$small" ] && echo 4000000 || echo 400000000)
# evaluate NAME OPTIONS...: one object of JSON more in NAME.jsonl. What the device does not do is not measured.
evaluate() {
    local name=$1
    shift
    "$gpuproc" eval "$@" --no-fallback --json >>"$results/$name.jsonl" 2>>"$results/$name.err"
}
# overlap WAY OPTIONS...: three times; the last one's pictures stay.
overlap() {
    local way=$1 rc=0
    shift
    for _ in 1 2 3; do
        evaluate "overlap-$way" 'sqrt(x * x + 1) + x' x="$scratch/x.npy" -o "$scratch/y.npy" -f --device "$device" \
            --chunk $((elements * 4 / 48)) --timeline "$results/overlap-$way.svg" \
            --trace "$results/overlap-$way.trace.json" "$@" || rc=1
    done
    return "$rc"
}
reductions() {
    local rc=0
    for e in 'sum(x)' 'mean(x); std(x); min(x); max(x)' 'sum(exp(sin(x)))' 'sum(x, axis=0)'; do
        for d in "$device" "$device" cpu; do # a device's first run compiles
            if [ "$e" = 'sum(x, axis=0)' ]; then # an array: it has to go somewhere
                evaluate reductions 'y = sum(reshape(x, (-1, 1000)), axis=0)' x="$scratch/x.npy" -o y="$scratch/r.npy" -f \
                    --device "$d" || rc=1
            else
                evaluate reductions "$e" x="$scratch/x.npy" --device "$d" || rc=1
            fi
        done
    done
    return "$rc"
}
# Functions run in a shell of their own there, as timeout knows programs only.
export -f evaluate overlap reductions
export gpuproc results scratch device elements
step data 60 "$gpuproc" eval "float32(random.random(($elements,), seed=1))" -o "$scratch/x.npy" --device cpu -q
step overlap 60 bash -c overlap\ overlapped
step sync 60 bash -c overlap\ sync\ --sync
step reductions 60 bash -c reductions
rm -f "$scratch"/?.npy

# ---- Products ----------------------------------------------------------------------
sizes=$([ -n "$small" ] && echo 1024 || echo 4096 8192 16384)
# products NAME TIMES [MEMORY]: of all sizes; MEMORY: three times less of it than the matrices take.
products() {
    local rc=0
    for n in $sizes; do
        for _ in $(seq "$2"); do
            # shellcheck disable=SC2086  # words are meant
            evaluate "products-$1" 'a @ b' a="$scratch/a$n.npy" b="$scratch/b$n.npy" -o "$scratch/c.npy" -f \
                --device "$device" ${3:+--memory $((n * n * 4))} || rc=1
        done
    done
    return "$rc"
}
matrices() {
    for n in $sizes; do
        for m in a b; do
            "$gpuproc" eval "float32(random.random(($n, $n), seed=$n))" -o "$scratch/$m$n.npy" --device cpu -q
        done
    done
}
export -f products matrices
export sizes
step matrices 60 bash -c matrices
step products-default 60 bash -c 'products default 3'
step products-out-of-core 60 bash -c 'products out-of-core 1 less'

# ---- Beside others, and the bench ------------------------------------------------------
if command -v python3 >/dev/null && python3 -c 'import torch' 2>/dev/null || python3 -c 'import cupy' 2>/dev/null; then
    step peers 90 python3 "$here/gpu_peers.py" --elements "$elements" --sizes "$sizes" --out "$results/peers.jsonl" \
        2>"$results/peers.err"
fi
step bench 140 "$gpuproc" bench ${small:+--quick} --device "$device" --seconds "$([ -n "$small" ] && echo 20 || echo 80)" \
    --json --html "$results/bench.html" -f >"$results/bench.json" 2>"$results/bench.err"

# ---- Better parameters, with the time that is left --------------------------------------
# A search that its limit stops keeps and tells what it has found until then, and that is used: it stops between two
# sets of parameters, of which one may take the compiler long.
tuning=$(($(left) - 80))
[ "$tuning" -le 80 ] || tuning=80
[ -z "$small" ] || tuning=1
[ "$tuning" -ge 1 ] || tuning=1
limit=$(($(left) - 50))
[ "$limit" -le $((tuning + 60)) ] || limit=$((tuning + 60))
grace=20 step tune $((limit * 8 / minutes)) "$gpuproc" tune --device "$device" --seconds "$tuning" --json \
    >"$results/tune.json" 2>"$results/tune.err"
if grep -q '"stored":true' "$results/tune.json"; then
    cp "$XDG_CACHE_HOME"/gpuproc/*.tuned "$results/" 2>>"$results/tune.err"
    step products-tuned 60 bash -c 'products tuned 3'
else
    say 'products-tuned: nothing better was found'
fi

# ---- In words --------------------------------------------------------------------------
# What the JSON of an evaluation says, a row of a table each. `first` is what stands in the first column.
rows() { # KIND FILE
    [ -s "$2" ] || { echo "| $1 | no results |"; return; }
    awk -v kind="$1" '
        function number(text, key) {
            if (!match(text, "\"" key "\": ?[0-9.e+-]+")) return 0
            key = substr(text, RSTART, RLENGTH); sub(/^.*: ?/, "", key); return key + 0
        }
        function word(text, key) {
            if (!match(text, "\"" key "\": ?\"[^\"]*\"")) return ""
            key = substr(text, RSTART, RLENGTH); sub(/^[^:]*: ?"/, "", key); sub(/"$/, "", key); return key
        }
        function stage(text, name) { return match(text, "\"" name "\": ?{[^}]*}") ? substr(text, RSTART, RLENGTH) : "" }
        {
            report = substr($0, index($0, "\"report\"")); sub(/"predicted":.*"limit"/, "\"limit\"", report)
            wall = number(report, "wall_ns"); kernel = stage(report, "kernel")
            limit = number(kernel, "busy_ns") > 0 ? "kernel" : "fold" # sums along axes are the CPU'"'"'s
            kernel = stage(report, limit); busy = number(kernel, "busy_ns"); bytes = number(kernel, "bytes"); longest = busy
            # Of the stages that go on for every chunk; opening, compiling and making safe come once, before and behind.
            once = number(stage(report, "open"), "busy_ns") + number(stage(report, "program"), "busy_ns") + \
                number(stage(report, "commit"), "busy_ns")
            split("upload download", way, " ")
            for (k = 1; k <= 2; k++) {
                if (number(stage(report, way[k]), "busy_ns") <= longest) continue
                longest = number(stage(report, way[k]), "busy_ns"); limit = way[k]
            }
            what = $0; sub(/"report".*/, "", what)
            names = ""
            while (match(what, /"name": ?"[^"]*"/)) {
                name = substr(what, RSTART, RLENGTH); sub(/^[^:]*: ?"/, "", name); sub(/"$/, "", name)
                names = names (names == "" ? "" : "; ") name; what = substr(what, RSTART + RLENGTH)
            }
            n = 0
            if (match($0, /"shape": ?\[[0-9]+,[0-9]+\]/)) { n = substr($0, RSTART, RLENGTH); gsub(/^[^[]*\[|,.*$/, "", n) }
            rate = kind ~ /^product/ ? sprintf("%.1f GFLOP/s", busy > 0 ? 2 * n * n * n / busy : 0) \
                                     : sprintf("%.2f GB/s", busy > 0 ? bytes / busy : 0)
            if (kind ~ /^product/) names = names " of " n
            printf("| %s | %s | %s | %.1f | %s | %.2f | %.1f | %s |\n", kind, names, substr(word(report, "device"), 1, 32),
                wall / 1e6, limit, longest > 0 ? (wall - once) / longest : 0, busy / 1e6, rate)
        }' "$2"
}
{
    echo "# $(date -u +%Y-%m-%d): $(sed -nE 's/.*"kind":"opencl[^"]*","name":"([^"]*)".*"driver":"([^"]*)".*/\1, driver \2/p' "$results/devices.json" | head -1)"
    echo
    echo "Command: \`$command\`, $(passed) s."
    [ -z "$simulated$small" ] || echo "Small sizes or a simulated device: this tells that everything works, not how fast a device is."
    echo
    echo "| step | | s |"
    echo "|---|---|---|"
    for file in "$scratch"/steps/*; do
        IFS='	' read -r _ name how took <"$file"
        case $name in
            test_*) how="$how; $(grep -oE '\[  (PASSED|FAILED)  \].*' "$results/$name.log" | head -1 | tr -d '[]')" ;;
        esac
        echo "| $name | $how | $took |"
    done
    echo
    echo "## Evaluations"
    echo
    echo "\`wall / longest\`: the wall without opening, compiling and making the result safe, over the longest of upload,"
    echo "kernel and download (of sums along axes, which the CPU does, the folds); 1 where they overlap perfectly. Rates are the"
    echo "kernels' alone. Each line is one run: a device's first compiles."
    echo
    echo "| | expression | on | wall, ms | longest stage | wall / longest | kernels, ms | rate |"
    echo "|---|---|---|---|---|---|---|---|"
    rows overlapped "$results/overlap-overlapped.jsonl"
    rows 'with --sync' "$results/overlap-sync.jsonl"
    rows reduction "$results/reductions.jsonl"
    rows 'product, as it comes' "$results/products-default.jsonl"
    rows 'product, tuned' "$results/products-tuned.jsonl"
    rows 'product, out of core' "$results/products-out-of-core.jsonl"
    echo
    echo "## Others on the same device"
    echo
    if [ -s "$results/peers.jsonl" ]; then
        echo "| library | what | s | rate |"
        echo "|---|---|---|---|"
        sed -nE 's/.*"library": "([^"]*)", "what": "([^"]*)", "seconds": ([^,]*), "rate": ([^,]*), "unit": "([^"]*)".*/| \1 | \2 | \3 | \4 \5 |/p' \
            "$results/peers.jsonl"
        sed -nE 's/.*"library": "([^"]*)", "error": "(.*)".*/| \1 | \2 | | |/p' "$results/peers.jsonl"
    else
        echo "Neither PyTorch nor CuPy is installed."
    fi
    echo
    echo "## What was asked (bench/gpu/questions.c)"
    echo
    echo "| | what | answer |"
    echo "|---|---|---|"
    sed -nE -e '/"what": "extensions"/d' \
        -e 's/.*"question": ([0-9]+), "what": "([^"]*)", "value": ([^,]*), "unit": "([^"]*)".*/| \1 | \2 | \3 \4 |/p' \
        -e 's/.*"question": ([0-9]+), "what": "([^"]*)", "text": "(.*)".*/| \1 | \2 | \3 |/p' \
        -e 's/.*"question": ([0-9]+), "what": "([^"]*)", "error": ([^}]*).*/| \1 | \2 | error \3 |/p' "$results/questions.jsonl"
    if [ -n "$against" ]; then
        echo
        echo "## Against $against"
        echo
        echo '```'
        "$gpuproc" bench --compare "$against/bench.json" "$results/bench.json" 2>&1
        echo '```'
    fi
} >"$results/summary.md"
say "$results/summary.md"
if tar -C "$(dirname "$results")" -czf "$results.tar.gz" "$(basename "$results")"; then
    say "$results.tar.gz" # to take away
else
    say "$results: could not be packed"
fi
exit $failed
