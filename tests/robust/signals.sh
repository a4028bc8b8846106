#!/usr/bin/env bash
# Ctrl-C, SIGTERM and kill -9 in the middle of things.
. "$(dirname "$0")/lib.sh" "$1"

# A pipe that is open at both ends and delivers nothing.
mkfifo silent
exec 8<>silent
mkdir place
slow='sin(exp(cos(sin(exp(cos(sin(exp(cos(x)))))))))'
truncate -s 2000M huge

# blocked NAME SIGNAL CODE ARGUMENTS...: waits for input for ever.
blocked() {
    local name=$1 signal=$2 code=$3 pid
    shift 3
    printf old >place/y.npy
    "$gpuproc" eval "$@" --device cpu >out 2>err <silent 9>&- 8>&- &
    pid=$!
    # It sleeps in all its threads when it waits for the pipe; earlier signals are as good.
    sleep 0.2
    kill "-$signal" "$pid"
    finish "$name" "$pid"
    expect "$code" "$name"
    same_content place/y.npy old || complain "$name: the old output has changed"
    [ "$(ls -A place)" = y.npy ] || complain "$name: left behind: $(ls -A place)"
}
# The signals are ignored by what a script starts in the background: a subshell undoes that not, env does.
gpuproc_real=$gpuproc
cat >unignored <<END
#!/usr/bin/env bash
exec env --default-signal=INT --default-signal=TERM --default-signal=HUP "$gpuproc_real" "\$@"
END
chmod +x unignored
env --default-signal=INT true 2>/dev/null && gpuproc=./unignored

for signal in INT TERM HUP; do
    code=$((128 + $(kill -l $signal)))
    blocked "$signal, data" $signal $code 'x + 1' x=-,dtype=f4,shape=100 -f -o place/y.npy
    blocked "$signal, two passes" $signal $code 'x - mean(x)' x=-,dtype=f4,shape=100 -f -o place/y.npy
    blocked "$signal, a broadcast operand" $signal $code 'x + h' x=-,dtype=f4,shape=100 \
        h=huge,dtype=f4,shape=1000x100 -f -o place/y.npy
    blocked "$signal, computing" $signal $code "y = $slow" x=huge,dtype=f4 --threads 1 -f -o place/y.npy
    blocked "$signal, a product of what comes" $signal $code 'x @ h + 1' x=-,dtype=f4,shape=100x1000 \
        h=huge,dtype=f4,shape=1000x100 -f -o place/y.npy
    blocked "$signal, multiplying" $signal $code 'x @ y' x=huge,dtype=f4,shape=20000x20000 y=huge,dtype=f4,shape=20000x20000 \
        --memory 64M -f -o place/y.npy
    blocked "$signal, a product that is stored" $signal $code 'p = x @ x[::-1]; p.T @ p' x=huge,dtype=f4,shape=20000x20000 \
        --memory 64M -f -o place/y.npy
    blocked "$signal, least squares" $signal $code 'linalg.lstsq(x, x[:, 0])[0]' x=huge,dtype=f4,shape=2000000x200 -f -o place/y.npy
    blocked "$signal, reducing" $signal $code "sum($slow)" x=huge,dtype=f4 --threads 1
done

# Before anything can be left behind, the signal ends it at once: there is no message.
"$gpuproc" eval 'sum(x)' x=- --device cpu >out 2>err <silent 8>&- &
pid=$!
sleep 0.2
kill -INT "$pid"
finish "waiting for a header" "$pid"
[ "$rc" -eq 130 ] || complain "waiting for a header: exit code $rc"

# A second one while the first is worked on quits as well.
"$gpuproc" eval "y = $slow" x=huge,dtype=f4 --threads 1 -f -o place/y.npy --chunk 512M --device cpu >out 2>err &
pid=$!
sleep 0.2
kill -INT "$pid"
sleep 0.1
kill -INT "$pid" 2>/dev/null
finish "two signals" "$pid"
[ "$rc" -eq 130 ] || complain "two signals: exit code $rc: $(cat err)"
same_content place/y.npy old || complain "two signals: the old output has changed"

# timeout(1) sends its signal twice at once, to the process and to its group: that is one.
mkdir tmp
TMPDIR=$PWD/tmp timeout -s TERM 1 "$gpuproc" bench -q --filter cold >out 2>err
[ -z "$(ls -A tmp)" ] || complain "timeout: left behind: $(ls -A tmp)"

# A reader that never reads.
mkfifo deaf
exec 7<>deaf
"$gpuproc" eval 'x + 1' x=huge,dtype=f4 -o deaf --device cpu >out 2>err 7>&- &
pid=$!
sleep 0.3
kill -TERM "$pid"
finish "a reader that never reads" "$pid"
expect 143 "a reader that never reads"

# kill -9: nothing but what stood there before.
rm -f place/*
printf old >place/y.npy
"$gpuproc" eval "y = $slow" x=huge,dtype=f4 --threads 1 -f -o place/y.npy --device cpu >out 2>err &
pid=$!
sleep 0.3
kill -KILL "$pid"
wait "$pid" 2>/dev/null
same_content place/y.npy old || complain "kill -9: the old output has changed"
# Filesystems that have nameless files leave nothing at all; others a hidden .y.npy.*.part.
left=$(ls -A place | grep -v '^y.npy$' | grep -v '^\.y\.npy\.[0-9a-f]*\.part$')
[ -z "$left" ] || complain "kill -9: left behind: $left"
end
