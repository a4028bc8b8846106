#!/usr/bin/env bash
# Makes the n-th OpenCL call fail, once or for ever, for n over the whole length of a run:
# the right result by falling back, or one clear error; never anything else.
#
#     fail.sh GPUPROC LAYER [CALLS]   CALLS: how many n of each kind, "all" for every one
. "$(dirname "$0")/lib.sh" "$1"
layer=$2
most=${3:-40}
skip_without_device

# rc must be 0 with the right result, or, where that is allowed, 1 with one line.
check() { # NAME ERROR_ALLOWED
    if [ "$rc" -eq 0 ]; then
        same right now || complain "$1: another result: $(cat now/stderr.txt; diff right/stdout now/stdout; cmp -l right/y.npy now/y.npy | sed -n '1p;$p')"
    elif [ "$rc" -eq 1 ] && [ "$2" = yes ]; then
        [ "$(grep -c '^gpuproc: error: ' now/stderr.txt)" -eq 1 ] ||
            complain "$1: not one error: $(cat now/stderr.txt)"
        [ -z "$(find now -type f ! -name stdout ! -name stderr.txt)" ] || complain "$1: files are left: $(ls now)"
        [ ! -s now/stdout ] || complain "$1: a result and an error"
    else
        complain "$1: exit code $rc: $(cat now/stderr.txt)"
    fi
}

attempt() { # OPTIONS...
    eval_on right --device cpu
    [ "$rc" -eq 0 ] || complain "the CPU alone: $(cat right/stderr.txt)"
    limit=120 eval_on now --device opencl --chunk 128K "$@" # fills the caches
    export OPENCL_LAYERS=$layer GPUPROC_FAIL_COUNT=$scratch/count
    GPUPROC_FAIL_AT=0 eval_on now --device opencl --chunk 128K --no-fallback "$@"
    check "$expression: without failures" no
    local calls step n mode fallback allowed
    calls=$(cat "$scratch/count")
    [ "$calls" -gt 50 ] || complain "only $calls calls: the device was not used"
    [ "$most" = all ] && step=1 || step=$(((calls + most - 1) / most))
    for mode in once forever; do
        for fallback in '' --no-fallback; do
            for ((n = 1; n <= calls; n += step)); do
                # A device that was asked for by name and is not found is an error in any case.
                allowed=no
                [ -z "$fallback" ] || allowed=yes
                GPUPROC_FAIL_AT=$n GPUPROC_FAIL_MODE=$mode eval_on now --device opencl --chunk 128K $fallback "$@"
                grep -q 'no OpenCL device\|no device\|no such device' now/stderr.txt && allowed=yes
                check "$expression: call $n of $calls fails $mode $fallback" "$allowed"
            done
        done
    done
    unset OPENCL_LAYERS GPUPROC_FAIL_COUNT
    echo "$calls calls, every ${step}th: $expression"
}

output=y.npy
expression='(x + t) * x - 3'
attempt
expression='y = (x - mean(x)) / std(x); k = argmax(x); s = sum(float32(x))'
attempt --slots 3

[ "$failures" -eq 0 ]
