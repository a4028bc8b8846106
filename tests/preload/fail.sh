#!/usr/bin/env bash
# Makes the n-th call of malloc and its kin, of file calls and of pthread_create fail in
# `gpuproc eval`: the right result or one clear line, the old output intact, nothing left.
#
#     fail.sh GPUPROC SHIM [CALLS]    CALLS: how many n of each kind, "all" for every one
set -u
export LC_ALL=C
gpuproc=$1 shim=$2 most=${3:-30}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failures=0

complain() {
    echo "FAILED: $*"
    failures=$((failures + 1))
    [ "$failures" -lt 20 ] || { echo "and more"; exit 1; }
}

head -c 300000 "$gpuproc" >bytes
expression='y = (x - mean(x)) / std(x); k = argmax(x); n = sum(x) // 7'
old='what was there before'

# Sets rc; the old output stands in y.npy before.
evaluate() {
    printf '%s' "$old" >now/y.npy
    TMPDIR=$scratch/now timeout -k 1 20 env LD_PRELOAD="$shim" "$gpuproc" eval "$expression" "$@" -f -o now/y.npy \
        --device cpu --chunk 64K --threads 2 >stdout 2>stderr.txt
    rc=$?
}

check() { # NAME
    if [ "$rc" -eq 0 ]; then
        cmp -s right.npy now/y.npy || complain "$1: another array"
        cmp -s right.txt stdout || complain "$1: other values: $(cat stdout)"
    elif [ "$rc" -eq 1 ] || [ "$rc" -eq 2 ]; then
        # Where even the writing of messages fails, the exit code alone tells.
        case $1 in
        file*) [ "$(grep -c 'error: ' stderr.txt)" -le 1 ] ;;
        *) [ "$(grep -c 'error: ' stderr.txt)" -eq 1 ] ;;
        esac || complain "$1: not one error: $(cat stderr.txt)"
        # A result that is in place cannot be told when only standard output fails.
        cmp -s right.npy now/y.npy && grep -q 'standard output' stderr.txt && return
        [ "$(cat now/y.npy 2>&1)" = "$old" ] || complain "$1: the old output is gone: $(cat stderr.txt)"
    else
        complain "$1: exit code $rc: $(cat stderr.txt)"
    fi
    [ "$(ls -A now)" = y.npy ] || { complain "$1: left behind: $(ls -A now)"; rm -rf now; mkdir now; }
}

mkdir now
export GPUPROC_CALL_KIND GPUPROC_CALL_AT GPUPROC_CALL_MODE GPUPROC_CALL_ERRNO GPUPROC_CALL_COUNT GPUPROC_IO
attempt() { # NAME INPUT...: input options
    local name=$1 calls step n
    shift
    for GPUPROC_CALL_KIND in memory file thread; do
        GPUPROC_CALL_COUNT=$scratch/count GPUPROC_CALL_AT=0 evaluate "$@"
        check "$GPUPROC_CALL_KIND, $name: without failures"
        [ "$rc" -eq 0 ] || complain "without failures: exit code $rc"
        calls=$(cat count) || { complain "$shim was not loaded"; return; }
        rm count
        unset GPUPROC_CALL_COUNT
        step=1
        [ "$most" = all ] || step=$(((calls + most - 1) / most))
        for GPUPROC_CALL_MODE in once forever; do
            for ((n = 1; n <= calls; n += step)); do
                GPUPROC_CALL_AT=$n
                GPUPROC_CALL_ERRNO=5
                [ $((n / step % 2)) -eq 0 ] || GPUPROC_CALL_ERRNO=28 # ENOSPC
                evaluate "$@"
                check "$GPUPROC_CALL_KIND, $name: call $n of $calls fails $GPUPROC_CALL_MODE"
            done
        done
        echo "$name: $calls $GPUPROC_CALL_KIND calls, every ${step}th"
    done
}

GPUPROC_IO=uring
"$gpuproc" eval "$expression" x=bytes,dtype=i4 -o right.npy --device cpu >right.txt || complain "the reference"
attempt "viewed" x=bytes,dtype=i4
"$gpuproc" eval "$expression" x=bytes,dtype='>i4' -f -o right.npy --device cpu >right.txt || complain "the reference"
attempt "io_uring" x=bytes,dtype='>i4'
GPUPROC_IO=threads
attempt "threads" x=bytes,dtype='>i4'

# Folds, stored arrays (in files, with so little memory), results that grow, walks.
GPUPROC_IO=uring
[ "$most" = all ] || most=$((most / 2))
for expression in 'y = cumsum(x[1:] - x[:-1]); k = median(x); n = sum(x[::-3]) // 7' \
    'y = x[x > mean(x)]; k = argmax(x); n = sum(nanmax(float32(x[:74752].reshape(256, -1)), axis=0))' \
    'y = roll(cumsum(x), 3)[::-1] + pad(x, 1)[1:-1]; n = max(mean(sliding_window_view(x, 50), axis=-1))'; do
    "$gpuproc" eval "$expression" x=bytes,dtype='>i4' -f -o right.npy --device cpu >right.txt || complain "the reference"
    attempt "$expression" x=bytes,dtype='>i4' --memory 3M
done

# Products as sources, stored ones, strips, folds over matrices.
for expression in 'a = float32(x[:65536].reshape(256, 256) % 5); y = a @ a[::-1] + 1; k = max(y)' \
    'a = x[:65536].reshape(256, 256); b = a @ a.T; y = b @ b[:, :9]; k = sum(b)' \
    'a = float64(x[:73728].reshape(-1, 9) % 13); y = linalg.lstsq(a[:, :8], a[:, 8])[0]; k = linalg.det(a.T @ a)'; do
    "$gpuproc" eval "$expression" x=bytes,dtype='>i4' -f -o right.npy --device cpu --memory 3M >right.txt || complain "the reference"
    attempt "$expression" x=bytes,dtype='>i4' --memory 3M
done

[ "$failures" -eq 0 ]
