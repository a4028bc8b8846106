#!/usr/bin/env bash
# Files of more than 2^31 and 2^32 elements: right answers at their last element. They are
# sparse, so that they take no room, and read as fast as memory is.
. "$(dirname "$0")/lib.sh" "$1"

# past COUNT: an int8 file with its one element that is not zero at the end.
past() {
    local last=$(($1 - 1))
    rm -f big
    truncate -s "$1" big && printf '\5' | dd of=big bs=1 seek="$last" conv=notrunc status=none || {
        echo "no sparse files here"
        exit 77
    }
    [ "$(du -k big | cut -f1)" -lt 100000 ] || { echo "no sparse files here"; exit 77; }
    limit=100
    timeout $limit "$gpuproc" eval 'k = argmax(x); n = count_nonzero(x); s = sum(x); m = max(x)' x=big,dtype=i1 \
        --device cpu --memory 256M >out 2>err
    prints "k = $last
n = 1
s = 5
m = 5" "$1 elements"
    timeout $limit "$gpuproc" eval 'x > 4' x=big,dtype=i1 -o -,format=raw --device cpu 2>err | tail -c 2 | od -An -tx1 >out
    prints ' 00 01' "$1 elements, the last one compared"
}
past $((2147483648 + 4099))
past $((4294967296 + 4099))

# The same with an element of four bytes, and a length that is no multiple of anything.
rm -f big
truncate -s $((4 * (2147483648 + 4099))) big
printf '\0\0\200\77' | dd of=big bs=1 seek=$((4 * (2147483648 + 4098))) conv=notrunc status=none
timeout 100 "$gpuproc" eval 'k = argmax(x); s = sum(x)' x=big,dtype=f4 --device cpu --memory 256M >out 2>err
prints "k = $((2147483648 + 4098))
s = 1.0" "more than 2^31 floats"
end
