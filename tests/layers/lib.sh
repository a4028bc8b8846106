# Helpers for the scripts beside: . lib.sh GPUPROC, then `cd "$scratch"` has happened.
# Programs are cached in the scratch folder only, so that every run but the first is quick.
gpuproc=$1
set -u
export LC_ALL=C
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export XDG_CACHE_HOME=$scratch/cache POCL_CACHE_DIR=$scratch/pocl
mkdir -p "$XDG_CACHE_HOME" "$POCL_CACHE_DIR" "$scratch/work"
cd "$scratch/work" || exit 1
unset OPENCL_LAYERS
failures=0

complain() {
    echo "FAILED: $*"
    failures=$((failures + 1))
    [ "$failures" -lt 20 ] || { echo "and more"; exit 1; }
}

# Bytes that are not all alike: the program's own.
head -c 786434 "$gpuproc" >bytes
head -c 1 bytes >byte

# eval_on RESULT OPTIONS...: the expression on data, its files in the folder RESULT. Sets rc.
eval_on() {
    local result=$1
    shift
    rm -rf "$result"
    mkdir "$result"
    timeout -k 1 "${limit:-20}" "$gpuproc" eval "$expression" x=../work/bytes,dtype=i2,shape=-1 \
        t=../work/byte,dtype=u1 "$@" ${output:+-o "$result/$output"} \
        >"$result/stdout" 2>"$result/stderr.txt"
    rc=$?
}

# same A B: what two evaluations made.
same() { diff -r -q --exclude=stderr.txt "$1" "$2" >/dev/null; }

# No device to test on: 77 tells it, unless one has to be there.
skip_without_device() {
    "$gpuproc" devices | grep -q opencl && return
    echo "no OpenCL device"
    [ "${GPUPROC_REQUIRE_DEVICE:-0}" != 1 ] || exit 1
    exit 77
}
