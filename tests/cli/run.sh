#!/usr/bin/env bash
# Runs cases of the command line.
#
#     tests/cli/run.sh [--update] GPUPROC [CASE...]
#
# A case is cases/NAME.sh, run in an empty folder of its own; beside it stand
#     NAME.stdout.exact   what it must print, to the byte (none: nothing)
#     NAME.stderr.glob    a pattern that all of standard error must match (none: nothing)
#     NAME.exit           its exit code (none: 0)
# --update writes .stdout.exact and .exit from what happens, and .stderr.glob where
# there is none yet. Read the difference before you commit it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
update=
if [ "${1-}" = --update ]; then
    update=1
    shift
fi
[ $# -ge 1 ] || { echo "usage: $0 [--update] GPUPROC [CASE...]" >&2; exit 2; }
program=$(realpath "$1")
shift
[ -x "$program" ] || { echo "$0: $program is not a program" >&2; exit 2; }
[ $# -gt 0 ] || set -- $(cd "$here/cases" && ls *.sh | sed 's/\.sh$//')

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/bin"
ln -s "$program" "$scratch/bin/gpuproc"

# The same surroundings everywhere: no terminal, no settings of the user, the CPU.
unset NO_COLOR TERM GPUPROC_MEMORY GPUPROC_THREADS
export LC_ALL=C HOME="$scratch/home" XDG_CACHE_HOME="$scratch/cache" PATH="$scratch/bin:$PATH"
export GPUPROC_DEVICE=cpu GOLDEN="$here/../golden/npy" LIB="$here/lib.sh"

failures=0
one_case() {
    local name=$1 case=$here/cases/$1 wanted_exit=0 wanted_err='' code err
    [ -f "$case.sh" ] || { echo "FAIL $name: there is no $case.sh"; return 1; }
    rm -rf "$scratch/run"
    mkdir "$scratch/run"
    (cd "$scratch/run" && exec bash "$case.sh") </dev/null >"$scratch/stdout" 2>"$scratch/stderr"
    code=$?
    err=$(cat "$scratch/stderr")
    if [ -n "$update" ]; then
        rm -f "$case.stdout.exact" "$case.exit"
        [ -s "$scratch/stdout" ] && cp "$scratch/stdout" "$case.stdout.exact"
        [ $code -ne 0 ] && echo $code >"$case.exit"
        [ -n "$err" ] && [ ! -f "$case.stderr.glob" ] &&
            printf '%s\n' "$err" | sed 's/[][*?\\]/\\&/g' >"$case.stderr.glob"
        return 0
    fi
    [ -f "$case.exit" ] && wanted_exit=$(cat "$case.exit")
    [ -f "$case.stderr.glob" ] && wanted_err=$(cat "$case.stderr.glob")
    local bad=
    if [ "$code" != "$wanted_exit" ]; then bad="exit code $code, expected $wanted_exit"; fi
    if [ -f "$case.stdout.exact" ]; then
        cmp -s "$scratch/stdout" "$case.stdout.exact" || bad="$bad; standard output differs"
    elif [ -s "$scratch/stdout" ]; then
        bad="$bad; standard output is not empty"
    fi
    # shellcheck disable=SC2053  # a pattern is meant
    [[ $err == $wanted_err ]] || bad="$bad; standard error does not match"
    [ -z "$bad" ] && return 0
    echo "FAIL $name: ${bad#; }"
    echo "--- standard output"
    [ -f "$case.stdout.exact" ] && diff -u "$case.stdout.exact" "$scratch/stdout" || cat "$scratch/stdout"
    echo "--- standard error, expected"
    printf '%s\n' "$wanted_err"
    echo "--- standard error, found"
    printf '%s\n' "$err"
    return 1
}

for name in "$@"; do
    one_case "$name" || failures=$((failures + 1))
done
[ $failures -eq 0 ] || { echo "$failures of $# cases failed"; exit 1; }
echo "$# cases passed"
