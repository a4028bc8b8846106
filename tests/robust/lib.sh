# Helpers for the scripts beside: . lib.sh GPUPROC. The shell then stands in a folder of its own.
gpuproc=$1
set -u
export LC_ALL=C
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failures=0

complain() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# evaluate ARGUMENTS...: sets rc; what it says is in the files out and err.
evaluate() {
    timeout -k 1 30 "$gpuproc" eval "$@" --device cpu >out 2>err </dev/null
    rc=$?
}

# expect CODE NAME: of the last evaluation; an error has exactly one line that says so.
expect() {
    [ "$rc" -eq "$1" ] || complain "$2: exit code $rc, expected $1: $(cat err)"
    [ "$1" -eq 0 ] && [ "$rc" -ne 0 ] && return
    [ "$1" -eq 0 ] || [ "$(grep -c 'error: ' err)" -eq 1 ] || complain "$2: not one error: $(cat err)"
}

# says TEXT NAME: the last error has TEXT in it.
says() { grep -q -- "$1" err || complain "$2: no '$1' in: $(cat err)"; }

# prints TEXT NAME
prints() { [ "$(cat out)" = "$1" ] || complain "$2: expected '$1', found '$(cat out)' $(cat err)"; }

# await NAME COMMAND...: until it succeeds, for half a minute at most.
await() {
    local name=$1 i
    shift
    for ((i = 0; i < 600; i++)); do
        "$@" 2>/dev/null && return 0
        sleep 0.05
    done
    complain "$name: waited in vain for: $*"
    return 1
}

# finish NAME PID: waits for a child for half a minute at most; sets rc.
finish() {
    # shellcheck disable=SC2329  # called by await
    over() { ! kill -0 "$1" 2>/dev/null; }
    await "$1 did not end" over "$2" || kill -KILL "$2"
    wait "$2"
    rc=$?
}

# npy FILE DESCR SHAPE: a header; the data follows by >>.
npy() {
    {
        printf '\x93NUMPY\1\0v\0'
        printf '%-117s\n' "{'descr': '$2', 'fortran_order': False, 'shape': $3, }"
    } >"$1"
}

same_content() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }
end() { [ "$failures" -eq 0 ]; exit; }
