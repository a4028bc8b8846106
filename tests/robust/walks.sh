#!/usr/bin/env bash
# Arrays that are walked across their storage: right, and each byte of the file read few times, whatever the
# memory. Bytes are what the kernel counted for reads (rchar), so that no clock matters.
. "$(dirname "$0")/lib.sh" "$1"
grep -q ^rchar /proc/self/io 2>/dev/null || { echo "the kernel counts no reads here"; exit 77; }
unset GPUPROC_IO
rows=262144 columns=32 # of float32: 32 MiB, and each row of the transposed one is all of the file
wide=2048 # the same as a matrix of $wide rows

# reads FILE-SIZES NAME ARGUMENTS...: evaluates; at most so many times 32 MiB are read.
reads() {
    local most=$1 name=$2
    shift 2
    timeout 60 bash -c '"$@" >out 2>err </dev/null; rc=$?; sed -n "s/^rchar: //p" /proc/$$/io >read; exit $rc' - \
        "$gpuproc" eval "$@" --device cpu
    rc=$?
    expect 0 "$name"
    [ "$(cat read)" -le $((most * rows * columns * 4 + (4 << 20))) ] ||
        complain "$name: $(cat read) bytes were read, at most $most times $((rows * columns * 4)) expected"
}
# is FILE SHAPE NAME ORACLE: what was written, against what the generator says.
is() {
    evaluate "all(y.reshape($2) == ($4))" y="$1,dtype=f4"
    expect 0 "$3"
    prints True "$3"
}

evaluate "arange($((rows * columns)), dtype='float32')" -o x,format=raw
expect 0 "the matrix"
tall="x.reshape($rows, $columns)"
square="x.reshape($wide, $((rows * columns / wide)))"
i="arange($rows, dtype='float32')" k="arange($columns, dtype='float32')[:, None]"
for memory in 8M 64M; do
    reads 2 "a tall matrix, $memory" "$tall.T" x=x,dtype=f4 -o o,format=raw -f --memory $memory
    is o "$columns, $rows" "a tall matrix, $memory" "$i * $columns + $k"
    reads 2 "a square one, $memory" "$square.T" x=x,dtype=f4 -o o,format=raw -f --memory $memory
    is o "$((rows * columns / wide)), $wide" "a square one, $memory" \
        "arange($wide, dtype='float32') * $((rows * columns / wide)) + arange($((rows * columns / wide)), dtype='float32')[:, None]"
    reads 4 "with one in order, $memory" "$tall.T + x.reshape($columns, $rows)" x=x,dtype=f4 -o o,format=raw -f --memory $memory
    is o "$columns, $rows" "with one in order, $memory" "($i * $columns + $k) + ($i + $k * $rows)"
    # Only a fold wants order, and a pipe.
    reads 4 "a fold, $memory" "sum(($tall.T + x.reshape($columns, $rows)) % 7, axis=1)" x=x,dtype=f4 -o o,format=raw -f --memory $memory
    is o "$columns" "a fold, $memory" "sum((($i * $columns + $k) + ($i + $k * $rows)) % 7, axis=1)"
    reads 4 "the first of equals, $memory" "argmax(($tall.T + x.reshape($columns, $rows)) % 7)" x=x,dtype=f4 --memory $memory
    first=$(cat out)
    evaluate "argmax((($i * $columns + $k) + ($i + $k * $rows)) % 7)"
    prints "$first" "the first of equals, $memory"
    reads 4 "to a pipe, $memory" "$tall.T" x=x,dtype=f4 -o -,format=raw --memory $memory
    mv out o
    is o "$columns, $rows" "to a pipe, $memory" "$i * $columns + $k"
done

# A reduction that keeps too much is made in tiles. Neither that nor its order shows: only the shape and the order
# of the file do.
evaluate "random.random(960000, 5) + 0.5" -o f,format=raw
expect 0 "a file to reduce"
for text in 'prod(x, axis=2)' 'prod(x, axis=(0, 2))' 'var(x, axis=(0, 2))' 'std(x, axis=(2, 0), keepdims=True)' \
    'nanvar(x, axis=0)' 'argmin(x, axis=1)' 'argmax(x.T, axis=1)' 'sum(x, axis=(1, 2))' 'max(x, axis=0)'; do
    for order in F C; do
        for memory in 1G 64M 8M 2M; do
            evaluate "$text" x=f,dtype=f8,shape=8x60x8x250,order=$order -o o.npy -f --memory $memory
            expect 0 "$text, $order, $memory"
            if [ $memory = 1G ]; then mv o.npy expected.npy; else
                cmp -s o.npy expected.npy || complain "$text, $order: another result where memory is $memory"
            fi
        done
    done
done

# Of many pieces, a chunk reads those that it is made of.
pieces=$(for ((k = 0; k < 1000; k++)); do printf 'x[%d:%d],' $((k * 7 % 1000 * 1000)) $((k * 7 % 1000 * 1000 + 1000)); done)
reads 1 "a thousand pieces" "concatenate([${pieces%,}])" x=x,dtype=f4 -o o,format=raw -f
is o 1000000 "a thousand pieces" "(arange(1000000) // 1000 * 7 % 1000 * 1000 + arange(1000000) % 1000).astype('float32')"
# No room for a file without a name is no error: it only takes longer.
TMPDIR=$PWD/nowhere evaluate "sum(($tall.T + x.reshape($columns, $rows)) % 7)" x=x,dtype=f4 --memory 8M
expect 0 "nowhere to put it"
end
