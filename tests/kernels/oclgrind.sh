#!/bin/sh
# Usage: oclgrind.sh OCLGRIND PROGRAM...
# Runs the programs with small sizes under oclgrind, which must have nothing to say.
# Not optimised: oclgrind does not know all that an optimiser writes (freeze, llvm.abs).
set -u
oclgrind=$1
shift
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
status=0
for program in "$@"; do
    : >"$log"
    GPUPROC_TEST_SMALL=1 "$oclgrind" --data-races --uninitialized --build-options -O0 \
        --log "$log" "$program" || status=1
    if [ -s "$log" ]; then
        echo "oclgrind on $program:" >&2
        head -40 "$log" >&2
        status=1
    fi
done
exit $status
