#!/usr/bin/env bash
# What a discrete device keeps from pass to pass: residency.sh GPUPROC GPU_LAYER FAIL_LAYER
#
# Under the layer that makes a device a discrete GPU, each byte is uploaded once although two
# passes read it; where device memory is short, what fits is; and where calls fail, chunks
# that only the device had are read again. The result has the CPU's bits each time.
set -u
gpuproc=$1 gpu=$2 fail=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
unset GPUPROC_DEVICE GPUPROC_MEMORY GPUPROC_THREADS NO_COLOR
export XDG_CACHE_HOME=$scratch/cache
export GPUPROC_SIM_UP=20e9 GPUPROC_SIM_DOWN=20e9 GPUPROC_SIM_KERNEL=20e9
failures=0

bad() {
    echo "FAIL $*"
    failures=$((failures + 1))
}

calculate() { # DEVICE OUTPUT EXPRESSION INPUT [OPTION...]
    local device=$1 output=$2 expression=$3 input=$4
    shift 4
    timeout 60 "$gpuproc" eval "$expression" x="$input",dtype=u4 -o "$output" -f --device "$device" \
        --progress never --chunk 512K "$@" >stdout 2>stderr
}

# Uploads that the layer saw, but for those that each slot makes in each pass (its uniforms,
# and the zero of its flags): LEAST..MOST.
uploads_between() { # NAME LEAST MOST
    local uploads
    uploads=$(grep -c '^up ' sim.log)
    [ "$uploads" -ge "$2" ] && [ "$uploads" -le "$3" ] ||
        bad "$1: $uploads uploads, expected $2 to $3"
}

expression='(x-mean(x))/std(x)'
slots=6 chunks=40
# 512 KiB of the widest array, which is the output: 64 Ki elements in both passes.
head -c $((chunks * 256 * 1024)) /dev/urandom >x.bin
calculate cpu cpu.npy "$expression" x.bin || { cat stderr; exit 1; }
if ! OPENCL_LAYERS=$gpu calculate gpu gpu.npy "$expression" x.bin --no-fallback; then
    cat stderr
    [ -n "${GPUPROC_REQUIRE_DEVICE-}" ] && exit 1
    exit 77
fi

on_gpu() { # NAME EXPRESSION LEAST MOST [NAME=VALUE...]: environment
    local name=$1 text=$2 least=$3 most=$4
    shift 4
    rm -f sim.log
    calculate cpu cpu.npy "$text" x.bin
    (
        export OPENCL_LAYERS=$gpu GPUPROC_SIM_LOG=sim.log "$@"
        calculate gpu gpu.npy "$text" x.bin --no-fallback
    ) || { bad "$name: $(cat stderr)"; return; }
    cmp cpu.npy gpu.npy || bad "$name: other bits than the CPU's"
    uploads_between "$name" "$least" "$most"
}

on_gpu "two passes" "$expression" $chunks $((chunks + 3 * slots))
on_gpu "three passes" 'y = x - mean(x); y / std(y * y - mean(y))' $chunks $((chunks + 7 * slots))
on_gpu "one pass" 'x * 0.5' $chunks $((chunks + slots))
# 3/8 of the memory are for what is kept: 24 of the 40 chunks.
on_gpu "short of memory" "$expression" $((2 * chunks - 24)) $((2 * chunks - 24 + 3 * slots)) \
    GPUPROC_SIM_MEMORY=$((16 * 1024 * 1024))

# Failing calls, one after the other: the CPU takes over, with the bytes that it needs.
head -c $((8 * 64 * 1024)) x.bin >small.bin
calculate cpu cpu.npy "$expression" small.bin --chunk 128K
failing() { # AT MODE
    GPUPROC_FAIL_AT=$1 GPUPROC_FAIL_MODE=$2 GPUPROC_FAIL_COUNT=count OPENCL_LAYERS=$gpu:$fail \
        calculate gpu gpu.npy "$expression" small.bin --chunk 128K
}
failing 0 once || bad "no failure: $(cat stderr)"
calls=$(cat count)
for n in $(seq $((calls - 60)) 3 "$calls") $((calls / 2)) $((calls / 3)); do
    for mode in once forever; do
        rm -f gpu.npy
        failing "$n" $mode || { bad "call $n, $mode: exit code $?: $(cat stderr)"; continue; }
        cmp cpu.npy gpu.npy || bad "call $n, $mode: other bits than the CPU's"
    done
done

[ $failures -eq 0 ] || exit 1
echo "passed, with $calls calls"
