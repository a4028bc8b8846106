#!/usr/bin/env bash
# Products of matrices on devices: the CPU's result on any device, with all of them at once, with little
# memory, and whatever call of OpenCL fails in the middle. The numbers are small integers, so that every order of
# adding up gives the same bits.
#
#     products.sh GPUPROC FAIL_LAYER GPU_LAYER [CALLS]   CALLS: how many n of each kind, "all" for every one
kernels=${POCL_CACHE_DIR-}
. "$(dirname "$0")/lib.sh" "$1"
# The tests' own, if there is one: CLBlast's kernels take PoCL long to compile.
export POCL_CACHE_DIR=${kernels:-$scratch/pocl}
fail_layer=$2 gpu_layer=$3 most=${4:-8}
skip_without_device
"$gpuproc" devices --json 2>/dev/null | grep -q '"matrices":"CLBlast' || {
    echo "no CLBlast"
    [ "${GPUPROC_REQUIRE_DEVICE-}" = 1 ] && exit 1
    exit 77
}

matrix() { # NAME ROWS COLUMNS
    head -c $(($2 * $3 * 2)) bytes >"$1.raw"
    "$gpuproc" eval 'float32(x % 8) - 3' "x=$1.raw,dtype=i2,shape=$2x$3" -o "$1.npy" || complain "no matrix $1"
}
matrix a 310 205
matrix b 205 150

# multiply EXPRESSION OPTIONS...: to y.npy, errors to err, the report to out. Sets rc.
multiply() {
    local expression=$1
    shift
    timeout -k 1 120 "$gpuproc" eval "$expression" a=a.npy b=b.npy -o y.npy -f --json "$@" >out 2>err
    rc=$?
}
right() { # EXPRESSION
    multiply "$1" --device cpu
    [ "$rc" -eq 0 ] || complain "$1 on the CPU: $(cat err)"
    mv y.npy right.npy
}
number() { grep -o "\"$1\":[0-9]*" out | cut -d: -f2; }
same_as_right() { # WHAT
    [ "$rc" -eq 0 ] || { complain "$1: exit code $rc: $(cat err)"; return; }
    cmp -s right.npy y.npy || complain "$1: another result"
}

# ---- The same result everywhere ----
cpu=$("$gpuproc" devices --json | grep -o '"name":"[^"]*"' | head -1 | cut -d'"' -f4)
for expression in 'a @ b' 'b.T @ a.T' 'maximum(a @ b - 7, 0)' 'sum(a @ b)[None]'; do
    right "$expression"
    for options in '' '--memory 6M' '--chunk 40K' '--chunk 40K --sync'; do
        # shellcheck disable=SC2086  # words are meant
        multiply "$expression" --device opencl --no-fallback $options
        same_as_right "$expression --device opencl $options"
        # shellcheck disable=SC2086
        multiply "$expression" --device all $options
        same_as_right "$expression --device all $options"
    done
    OPENCL_LAYERS=$gpu_layer GPUPROC_SIM_KERNEL=1e10 multiply "$expression" --device gpu --no-fallback --chunk 40K
    same_as_right "$expression on a discrete device"
    grep -q '"upload"' out || complain "$expression on a discrete device: nothing was uploaded"
done

# A device whose memory holds no tile leaves all to the CPU, and says so once.
right 'a @ b'
OPENCL_LAYERS=$gpu_layer GPUPROC_SIM_MEMORY=100000 multiply 'a @ b' --device gpu -v
same_as_right "a device of 100 KB"
[ "$(grep -c 'does not multiply' err)" -eq 1 ] || complain "a device of 100 KB: $(cat err)"
[ "$(number fallbacks)" -eq 0 ] || complain "a device of 100 KB: $(number fallbacks) fallbacks"
OPENCL_LAYERS=$gpu_layer GPUPROC_SIM_MEMORY=100000 multiply 'a @ b' --device gpu --no-fallback
[ "$rc" -eq 1 ] || complain "a device of 100 KB, --no-fallback: exit code $rc"
# One that holds a low one takes low ones.
OPENCL_LAYERS=$gpu_layer GPUPROC_SIM_MEMORY=4000000 multiply 'a @ b' --device gpu --no-fallback -v
same_as_right "a device of 4 MB"
grep -q 'multiplies tiles of [0-9]* rows' err || complain "a device of 4 MB: $(cat err)"

# What devices have not: the CPU, without a word.
multiply 'int16(a) @ int16(b)' --device opencl
[ "$rc" -eq 0 ] && [ ! -s err ] || complain "integers: exit code $rc: $(cat err)"
multiply 'int16(a) @ int16(b)' --device opencl --no-fallback
[ "$rc" -eq 1 ] && grep -q 'has no matrices of int16' err || complain "integers, --no-fallback: exit code $rc: $(cat err)"

# ---- A call fails ----
options='--device opencl --chunk 40K'
export OPENCL_LAYERS=$fail_layer GPUPROC_FAIL_COUNT=$scratch/count
GPUPROC_FAIL_AT=0 multiply 'a @ b' $options --no-fallback
same_as_right 'without failures'
calls=$(cat "$scratch/count")
[ "$calls" -gt 50 ] || complain "only $calls calls: the device was not used"
[ "$most" = all ] && step=1 || step=$(((calls + most - 1) / most))
again=0
for mode in once forever; do
    for fallback in '' --no-fallback; do
        for ((n = 1 + step / 2; n <= calls; n += step)); do
            what="call $n of $calls fails $mode $fallback"
            echo old >y.npy
            GPUPROC_FAIL_AT=$n GPUPROC_FAIL_MODE=$mode multiply 'a @ b' $options $fallback
            if [ "$rc" -ne 0 ]; then
                [ "$(cat y.npy)" = old ] || complain "$what: the old result is gone"
                [ "$(grep -c '^gpuproc: error: ' err)" -eq 1 ] || complain "$what: not one error: $(cat err)"
                [ -n "$fallback" ] || grep -q 'no device\|no OpenCL device' err || complain "$what: $(cat err)"
                continue
            fi
            same_as_right "$what"
            # CLBlast has words of its own for what it cannot throw.
            [ "$(grep -vc '^CLBlast: ' err)" -le 1 ] || complain "$what: more than a line: $(cat err)"
            if [ "$(number fallbacks)" -gt 0 ]; then
                [ -z "$fallback" ] || complain "$what: it fell back"
                grep -q 'does not multiply, the CPU does' err || complain "$what: nothing was said: $(cat err)"
                again=$((again + 1))
            fi
        done
    done
done
[ "$again" -gt 0 ] || complain "no tile was done again"
[ -z "$(find . -name '*.tmp*' -o -name '.gpuproc*')" ] || complain "files are left: $(ls -a)"
echo "$calls calls, every ${step}th; the CPU took over $again times"

[ "$failures" -eq 0 ]
