#!/usr/bin/env bash
# Inputs and outputs that are not what one hopes for.
. "$(dirname "$0")/lib.sh" "$1"
head -c 4000000 /dev/zero >zeros
printf '\0\0\0\0\0\0\200\77' >two # 0, 1 in float32

# ---- Outputs ----
evaluate 'x + 1' x=zeros,dtype=f4 -f -o /dev/full; expect 1 "a full device"; says 'space' "a full device"
evaluate 'x + 1' x=zeros,dtype=f4 -f -o /dev/null; expect 0 "/dev/null"
evaluate 'x + 1' x=zeros,dtype=f4 -o missing/y.npy; expect 1 "a missing folder"
mkdir folder
evaluate 'x + 1' x=zeros,dtype=f4 -o folder; expect 1 "a folder as output"
evaluate 'x + 1' x=zeros,dtype=f4 -f -o folder; expect 1 "a folder as output, -f"
evaluate 'x + 1' x=zeros,dtype=f4 -f -o folder/; expect 1 "a folder as output, with a slash"
evaluate 'x + 1' x=zeros,dtype=f4 -o ''; [ "$rc" -eq 2 ] || complain "an empty output name: $rc"
[ -z "$(ls -A folder)" ] || complain "left in the folder: $(ls -A folder)"
evaluate 'x + 1' x=zeros,dtype=f4 -o "$(head -c 300 /dev/zero | tr '\0' n).npy"; expect 1 "a name that is too long"

evaluate 'a = x + 1; b = x + 2' x=two,dtype=f4 -o a=same.npy -o b=./same.npy
[ "$rc" -ne 0 ] || complain "two results in one file"
[ ! -e same.npy ] || complain "two results in one file: it is there"
printf old >same.npy; ln -s same.npy link.npy
evaluate 'a = x + 1; b = x + 2' x=two,dtype=f4 -f -o a=same.npy -o b=link.npy
[ "$rc" -ne 0 ] || complain "two results in one file, by a link"
same_content same.npy old || complain "two results in one file, by a link: it has changed"

# Through a link the file behind it is replaced, not the link.
ln -s folder/real.npy by_link.npy
evaluate 'x + 1' x=two,dtype=f4 -o by_link.npy; expect 0 "a link to nothing"
[ -L by_link.npy ] && [ -s folder/real.npy ] || complain "a link to nothing: $(ls -la . folder)"
ln -s loop_a loop_b; ln -s loop_b loop_a
evaluate 'x + 1' x=two,dtype=f4 -f -o loop_a; expect 1 "a loop of links"

evaluate 'y = x * 2' x=two,dtype=f4 -o y=two; [ "$rc" -eq 2 ] || [ "$rc" -eq 1 ] || complain "input is output: $rc"
cp two inout
evaluate 'x * 2' x=inout,dtype=f4 -f -o inout,format=raw; expect 0 "input is output, -f"
[ "$(od -An -tf4 inout | tr -s ' ')" = " 0 2" ] || complain "input is output, -f: $(od -An -tf4 inout)"
cp zeros inout
evaluate 'x - mean(x) + 1' x=inout,dtype=f4 -f -o inout,format=raw --chunk 64K; expect 0 "two passes over what is replaced"
evaluate 'min(x); max(x); count_nonzero(x)' x=inout,dtype=f4
[ "$(sed 's/.*= //' out | tr '\n' ' ')" = "1.0 1.0 1000000 " ] || complain "two passes over what is replaced: $(cat out)"

# A limit on the size of files, which is a signal for those who do not look out.
printf old >limited.npy
(
    ulimit -f 100
    evaluate 'x + 1' x=zeros,dtype=f4 -f -o limited.npy; expect 1 "a file-size limit"
    evaluate 'x + 1' x=zeros,dtype=f4 -o - ; [ "$rc" -eq 1 ] || complain "a file-size limit on standard output: $rc $(cat err)"
    exit "$failures"
) || failures=$((failures + $?))
same_content limited.npy old || complain "a file-size limit: the old output has changed"
if mkdir -p tiny && mount -t tmpfs -o size=1m gpuproc-test tiny 2>/dev/null; then
    printf old >tiny/y.npy
    evaluate 'x + 1' x=zeros,dtype=f4 -f -o tiny/y.npy; expect 1 "a full disk"; says 'free\|space' "a full disk"
    same_content tiny/y.npy old || complain "a full disk: the old output has changed"
    [ "$(ls -A tiny)" = y.npy ] || complain "a full disk: left behind: $(ls -A tiny)"
    # The input of two passes is kept in a file, for which there is no room.
    TMPDIR=tiny timeout 20 "$gpuproc" eval 'sum(x - mean(x))' x=-,dtype=f4,shape=1000000 --device cpu <zeros >out 2>err
    rc=$?; expect 0 "redirected input needs no room"
    TMPDIR=tiny timeout 20 "$gpuproc" eval 'sum(x - mean(x))' x=-,dtype=f4,shape=1000000 --device cpu < <(cat zeros) >out 2>err
    rc=$?; expect 1 "no room for a second pass"
    # What passes keep between them, what shows its length only in the end, and results beside it.
    rm tiny/y.npy
    no_room() {
        local name=$1
        shift
        TMPDIR=tiny evaluate "$@" x=zeros,dtype=f4 --memory 2M
        expect 1 "$name"; says 'No space left' "$name"
        [ -z "$(ls -A tiny)" ] || complain "$name: left behind: $(ls -A tiny)"
    }
    no_room "no room between two passes" 'sum(cumsum(x)[::-1] * 2)'
    no_room "no room between two passes, an array" 'cumsum(x)[::-1]' -o kept.npy
    no_room "no room for what grows" 'x[x == 0]' -o tiny/y.npy
    no_room "no room for what grows, to a pipe" 'x[x == 0]' -o -
    [ ! -s out ] || complain "no room for what grows, to a pipe: something was written"
    no_room "no room for one of two" 'y = x[x == 0]; z = x + 1' -o y=tiny/y.npy -o z=kept.npy
    [ ! -e kept.npy ] || complain "no room: a result is there all the same"
    # A full one is no reason for what needs none.
    TMPDIR=tiny evaluate 'x[x == 0]' x=zeros,dtype=f4 --memory 2M -o kept.npy; expect 0 "no room is needed"
    rm kept.npy
    umount tiny
fi

# ---- Standard streams ----
"$gpuproc" eval 'x + 1' x=zeros,dtype=f4 -o - --device cpu 2>err | head -c 100 >/dev/null
rc=${PIPESTATUS[0]}; [ "$rc" -eq 1 ] || complain "a reader that has gone: $rc $(cat err)"
# What grows is not lost on the way, nor is something left of it; the other result does not appear.
mkdir spools
for format in npy raw; do
    TMPDIR=spools timeout 20 "$gpuproc" eval 'y = x[x == 0]; z = x + 1' x=zeros,dtype=f4 -o "y=-,format=$format" -o z=gone.npy \
        --device cpu --memory 2M 2>err | head -c 100 >/dev/null
    rc=${PIPESTATUS[0]}; [ "$rc" -eq 1 ] || complain "what grows, and a reader that has gone, $format: $rc $(cat err)"
    [ ! -e gone.npy ] || complain "what grows, and a reader that has gone: the other result is there"
    [ -z "$(ls -A spools)" ] || complain "what grows, and a reader that has gone: left behind: $(ls -A spools)"
done
timeout 20 "$gpuproc" eval 'x[x == 0]' x=zeros,dtype=f4 -o -,format=raw --device cpu --memory 2M 2>err | cat >out
rc=${PIPESTATUS[0]}; expect 0 "what grows, to a pipe"
cmp -s out zeros || complain "what grows, to a pipe: not all of it arrived"
# As a reader that has gone: nobody is there to be told.
timeout 20 "$gpuproc" eval 'sum(x)' x=zeros,dtype=f4 --device cpu >&- 2>err; rc=$?; [ "$rc" -eq 1 ] || complain "closed standard output: $rc"
timeout 20 "$gpuproc" eval 'x + 1' x=zeros,dtype=f4 -o - --device cpu >&- 2>err; rc=$?; [ "$rc" -eq 1 ] || complain "closed standard output, an array: $rc"
timeout 20 "$gpuproc" eval 'sum(x)' x=zeros,dtype=f4 --device cpu >out 2>&-; rc=$?; prints 0.0 "closed standard error"
timeout 20 "$gpuproc" eval 'sum(q)' x=zeros,dtype=f4 --device cpu >out 2>&-; rc=$?
[ "$rc" -eq 2 ] && [ ! -s out ] || complain "closed standard error, an error: $rc, $(cat out)"
timeout 20 "$gpuproc" eval 'sum(x)' x=- --device cpu <&- >out 2>err; rc=$?; expect 1 "closed standard input"
timeout 20 "$gpuproc" eval 'sum(x)' x=zeros,dtype=f4 --device cpu <&- >out 2>err; rc=$?; expect 0 "closed standard input, not needed"
timeout 20 "$gpuproc" eval 'sum(x)' x=zeros,dtype=f4 -f -o y.npy --device cpu <&- >&- 2>&-
rc=$?; [ "$rc" -le 1 ] || complain "all closed: $rc"
timeout 20 "$gpuproc" eval 'sum(x)' x=zeros,dtype=f4 --device cpu >/dev/full 2>err; rc=$?; expect 1 "full standard output"

# ---- Inputs ----
printf '\x93NUMPY' >short; evaluate 'sum(x)' x=short; expect 1 "half a magic"
: >nothing; evaluate 'sum(x)' x=nothing; expect 1 "an empty file"
npy lies.npy '<f4' '(100,)'; cat two >>lies.npy; evaluate 'sum(x)' x=lies.npy; expect 1 "a header that lies"; says 'missing' "a header that lies"
npy huge.npy '<f8' '(4611686018427387904, 4)'; evaluate 'sum(x)' x=huge.npy; expect 1 "sizes that overflow"
npy huge.npy '<f8' '(99999999999999999999999,)'; evaluate 'sum(x)' x=huge.npy; expect 1 "a length past 64 bits"
npy huge.npy '<f8' '(-1,)'; evaluate 'sum(x)' x=huge.npy; expect 1 "a negative length"
npy huge.npy '|i1' '(9223372036854775807,)'; evaluate 'sum(x)' x=huge.npy; expect 1 "2^63 - 1 elements"
evaluate 'sum(x)' x=zeros,dtype=f4,shape=9223372036854775807x9; [ "$rc" -ne 0 ] || complain "a raw shape that overflows"
evaluate 'sum(x)' x=zeros,dtype=f4,offset=18446744073709551615; [ "$rc" -eq 1 ] || [ "$rc" -eq 2 ] || complain "an offset that overflows: $rc"
evaluate 'sum(x)' x=zeros,dtype=f4,offset=4000004; expect 1 "an offset behind the end"
evaluate 'sum(x)' x=folder,dtype=f4; expect 1 "a folder as input"
evaluate 'sum(x)' x=/dev/null; expect 1 "/dev/null as input"
evaluate 'sum(x)' x=zeros,dtype=f4,shape=100x100; [ "$rc" -eq 0 ] || complain "extra bytes: $rc"
evaluate 'x + y' x=two,dtype=f4,shape=2x1 y=zeros,dtype=f4,shape=1000000 -f -o big.npy; expect 0 "an outer sum"
npy wide.npy '|i1' '(3000000000, 1)'; npy tall.npy '|i1' '(1, 4000000000)'
truncate -s $((128 + 3000000000)) wide.npy; truncate -s $((128 + 4000000000)) tall.npy
evaluate 'x + y' x=wide.npy y=tall.npy -f -o big.npy --memory 64M; [ "$rc" -eq 1 ] || [ "$rc" -eq 2 ] || complain "a result of 2^63 bytes: $rc"
[ "$(grep -c 'error: ' err)" -eq 1 ] || complain "a result of 2^63 bytes: $(cat err)"
rm -f wide.npy tall.npy big.npy
evaluate 'sum(x)' x=- ; expect 1 "an empty standard input"
head -c 1000 zeros | timeout 20 "$gpuproc" eval 'x + 1' x=-,dtype=f4,shape=1000 -o pipe.npy --device cpu >out 2>err
rc=$?; expect 1 "a pipe that ends early"; [ ! -e pipe.npy ] || complain "a pipe that ends early: an output"
if [ "$(id -u)" -ne 0 ]; then
    : >unreadable; chmod 0 unreadable
    evaluate 'sum(x)' x=unreadable,dtype=f4; expect 1 "an unreadable file"
fi

# A mapped input that becomes shorter: one line, no SIGBUS, nothing left.
for threads in 1 2; do
    truncate -s 400000000 shrinking
    cat shrinking >/dev/null
    mkdir shrunk
    timeout 60 "$gpuproc" eval 'sin(exp(cos(sin(exp(cos(x))))))' x=shrinking,dtype=f4 -o shrunk/y.npy --threads $threads \
        --device cpu >out 2>err &
    pid=$!
    sleep 0.1
    truncate -s 1000 shrinking
    finish "an input that shrinks" $pid
    if [ "$rc" -ne 0 ]; then # else it was quicker
        expect 1 "an input that shrinks"
        [ -z "$(ls -A shrunk)" ] || complain "an input that shrinks: left behind: $(ls -A shrunk)"
    fi
    rm -r shrunk
done
end
