#!/usr/bin/env bash
# gpuproc tune on a real device: what it says, keeps and leaves, how it is interrupted, and what
# comes of it when a call of OpenCL fails.
#
#     tune.sh GPUPROC FAIL_LAYER
kernels=${POCL_CACHE_DIR-}
. "$(dirname "$0")/lib.sh" "$1"
# The tests' own, if there is one: CLBlast's kernels take PoCL long to compile.
export POCL_CACHE_DIR=${kernels:-$scratch/pocl}
layer=$2
skip_without_device
"$gpuproc" devices --json 2>/dev/null | grep -q '"matrices":"CLBlast' || {
    echo "no CLBlast"
    [ "${GPUPROC_REQUIRE_DEVICE-}" = 1 ] && exit 1
    exit 77
}
export XDG_CACHE_HOME=$scratch/cache
tuned() { ls "$scratch/cache/gpuproc" 2>/dev/null | grep -c '[.]tuned$'; }

# A short search finds or finds not; both are told, and only the first is kept.
timeout 250 "$gpuproc" tune --device opencl --quick --seconds 1 --json >out 2>err
rc=$?
[ "$rc" -eq 0 ] || complain "tune: exit code $rc: $(cat err)"
[ "$(wc -l <out)" -eq 1 ] || complain "tune: something else on standard output: $(cat out)"
grep -Eq '^\{"device":".+","library":"CLBlast.*","tried":[1-9][0-9]*,"refused":[0-9]+,"stopped":false,"stored":(true|false),"tuned":\[\{"dtype":"float32","length":[0-9]+,.*\}\]\}$' out ||
    complain "tune: not the JSON expected: $(cat out)"
kept=0
grep -q '"better":true' out && kept=1
[ "$(tuned)" -eq "$kept" ] || complain "tune: better $kept, kept $(tuned)"

# Without the library there is a clear refusal. An empty file in its place cannot be loaded.
mkdir "$scratch/none"
: >"$scratch/none/libclblast.so.1"
LD_LIBRARY_PATH=$scratch/none "$gpuproc" tune --device opencl >out 2>err
[ $? -eq 1 ] && grep -q 'nothing to tune on .*libclblast.so.1' err || complain "without CLBlast: $(cat err)"
LD_LIBRARY_PATH=$scratch/none "$gpuproc" tune >out 2>err
[ $? -eq 1 ] && grep -q 'need libclblast.so.1' err || complain "without CLBlast, any device: $(cat err)"

# The first signal (Ctrl-C, which shells have ignored in the background, or this one) ends the search; what was found is told, and kept where it is worth it.
rm -rf "$scratch/cache"
"$gpuproc" tune --device opencl --quick --seconds 200 --progress=json >out 2>err &
pid=$!
for ((i = 0; i < 2000; i++)); do
    grep -q '"tried":1' err && break
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
done
kill -TERM "$pid"
wait "$pid"
rc=$?
[ "$rc" -eq 143 ] || complain "interrupted: exit code $rc: $(tail -n 3 err)"
grep -q 'sets of parameters tried' out || complain "interrupted: nothing told: $(cat out)"

# A failing call: one clear error, or a set that is refused; never anything else.
for at in 30 60 90 120 150; do
    GPUPROC_FAIL_AT=$at OPENCL_LAYERS=$layer timeout 100 "$gpuproc" tune --device opencl --quick --seconds 1 >out 2>err
    rc=$?
    if [ "$rc" -eq 1 ]; then
        [ "$(grep -c '^gpuproc: error: ' err)" -eq 1 ] && [ ! -s out ] || complain "call $at fails: $(cat out err)"
    elif [ "$rc" -ne 0 ] || ! grep -q 'sets of parameters tried' out; then
        complain "call $at fails: exit code $rc: $(cat err)"
    fi
done
[ "$failures" -eq 0 ]
