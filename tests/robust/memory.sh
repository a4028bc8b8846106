#!/usr/bin/env bash
# Every class of operation keeps to its memory: a sparse input much larger than --memory.
#   memory.sh GPUPROC RESIDENT
# GPUPROC_TEST_BYTES=8589934592 is the long hunt (with --memory 128M).
. "$(dirname "$0")/lib.sh" "$1"
resident=$2
bytes=${GPUPROC_TEST_BYTES:-$((512 << 20))}
memory=128M most=$((224 << 10)) # KiB: the budget, the program, and one window of mapped files
[ "$bytes" -ge $((2 << 30)) ] || { memory=48M most=$((128 << 10)); }
elements=$((bytes / 4))

truncate -s "$bytes" big && printf '\0\0\200\77' | dd of=big bs=1 seek=$((bytes - 4)) conv=notrunc status=none || exit 77
[ "$(du -k big | cut -f1)" -lt 100000 ] || { echo "no sparse files here"; exit 77; }

# keeps NAME EXPRESSION [TEXT]: scalars go to `out`, arrays are thrown away.
keeps() {
    local name=$1 text=$2
    timeout 280 "$resident" "$gpuproc" eval -q "$text" x=big,dtype=f4 --device cpu --memory $memory \
        ${4+"-o"} ${4+"$4"} >out 2>err
    rc=$?
    expect 0 "$name"
    [ "$rc" -ne 0 ] || [ "$(cat resident)" -le $most ] || complain "$name: $(cat resident) KiB resident, at most $most expected"
    [ -z "${3-}" ] || prints "$3" "$name"
}
# away NAME EXPRESSION: an array result, thrown away.
away() {
    timeout 280 "$resident" "$gpuproc" eval -q "$2" x=big,dtype=f4 --device cpu --memory $memory -o -,format=raw 2>err >/dev/null
    rc=$?
    expect 0 "$1"
    [ "$rc" -ne 0 ] || [ "$(cat resident)" -le $most ] || complain "$1: $(cat resident) KiB resident, at most $most expected"
}
rows="x.reshape($((elements / 1024)), 1024)"
wide="x.reshape(64, $((elements / 64)))"
keeps "axis 0" "sum(sum($rows, axis=0))" 1.0
keeps "axis -1" "max(sum($rows, axis=-1))" 1.0
keeps "axis 0 of few long rows" "sum(max($wide, axis=0))" 1.0
keeps "two of three axes" "sum(mean(x.reshape(64, $((elements / 64 / 1024)), 1024), axis=(0, 2)) > 0)" 1
keeps "variance" "argmax(std($rows, axis=0))" 1023
keeps "argmax" "max(argmax($rows, axis=0))" $((elements / 1024 - 1))
keeps "nan functions" "max(nanmean($rows, axis=0)) > 0" True
keeps "centred rows" "sum($rows - mean($rows, axis=1, keepdims=True) > 0.5)" 1
away "cumsum" "cumsum(x)"
away "accumulate" "maximum.accumulate($rows, axis=0)"
keeps "neighbours" "sum(x[2:] - 2*x[1:-1] + x[:-2])" 1.0
away "diff" "diff(x)"
keeps "reversed" "argmax(x[::-1])" 0
keeps "steps" "sum(x[::1000] == 0)" $(((elements + 999) / 1000))
keeps "transposed" "argmax($rows.T + 0)" $((elements - 1))
keeps "windows" "max(mean(sliding_window_view(x, 1000), axis=-1)) > 0" True
keeps "roll" "argmax(roll(x, 1))" 0
keeps "pad" "argmax(pad(x, 3))" $((elements + 2))
keeps "median" "median(x)" 0.0
keeps "quantiles" "max(quantile(x, [0.1, 0.5, 1]))" 1.0
keeps "histogram" "sum(histogram(x, 10)[0])" "$elements"
away "bincount" "bincount(x.astype('int64'))"
away "unique" "unique(x)"
away "selection" "x[x == 0]"
keeps "sum of a selection" "sum(x[x > 0])" 1.0
away "flatnonzero" "flatnonzero(x == 0)"
keeps "isin" "sum(isin(x, [1, 2]))" 1
keeps "searchsorted" "sum(searchsorted([0.5, 2], x))" 1
keeps "float16" "sum(x.astype('float16') + 1 == 2)" 1
keeps "complex" "abs(sum(x * 1j))" 1.0
keeps "random numbers" "abs(mean(random.random($((elements / 2)), seed=1)) - 0.5) < 0.001" True
keeps "generated" "sum(arange($elements) == 5)" 1

# Products and folds over matrices. Two inputs: the sparse one in several shapes.
# matrices NAME EXPRESSION SHAPE-OF-X [SHAPE-OF-Y]: array results are thrown away.
matrices() {
    timeout 280 "$resident" "$gpuproc" eval -q "$2" x=big,dtype=f4,shape="$3" ${4+"y=big,dtype=f4,shape=$4"} --device cpu --memory $memory \
        -f -o made.npy >out 2>err
    rc=$?
    expect 0 "$1"
    [ "$rc" -ne 0 ] || [ "$(cat resident)" -le $near ] || complain "$1: $(cat resident) KiB resident, at most $near expected"
    rm -f made.npy
}
near=$((${memory%M} * 1024 * 3 / 2 + 8192)) # KiB, as README.md has it
n16=$((elements / 16)) n64=$((elements / 64)) n1k=$((elements / 1024))
square=$((bytes < (1 << 30) ? 512 : 2048)) # rows of a square product that takes a while
matrices "product, tall" "x @ y[:64]" "${n64}x64" "${n16}x16"
matrices "product, wide" "y[:, :16].T @ x" "16x$n16" "16x$n16"
matrices "product, k long" "x @ y" "16x$n16" "${n16}x16"
matrices "product, square" "x[:$square] @ y[:, :$square]" "1024x$n1k" "${n1k}x1024"
matrices "product, transposed" "x.T[:64] @ y" "${n1k}x1024" "${n1k}x1024"
matrices "product of integers" "int32(x[:, :8]) @ int32(y[:8])" "${n64}x64" "${n64}x64"
matrices "product, stored" "(x @ y[:64] + 1)[::-1]" "${n64}x64" "${n16}x16"
matrices "product, read twice" "p = x @ y[:64]; r = p.T @ p" "${n64}x64" "${n16}x16"
matrices "stacks" "x @ y" "${n1k}x32x32" "${n1k}x32x32"
keeps "outer product" "max(x[:65536].reshape(-1, 1) @ x[:4096].reshape(1, -1))" 0.0
matrices "gram" "x.T @ x" "${n64}x64"
matrices "cov" "cov(x, rowvar=False)" "${n64}x64"
matrices "cov, observations in columns" "cov(x)" "64x$n64"
matrices "lstsq" "linalg.lstsq(x[:, :15], x[:, 15])[0]" "${n16}x16"
matrices "qr" "linalg.qr(x)[0]" "${n16}x16"
matrices "svd" "linalg.svd(x, full_matrices=False)[0]" "${n16}x16"
matrices "pinv" "linalg.pinv(x)" "${n16}x16"
keeps "transpose" "argmax($rows.T)" $((elements - 1))
matrices "transposed file" "x.T" "${n1k}x1024"
matrices "axes exchanged" "transpose(x, (1, 2, 0))" "${n1k}x32x32"

# What cannot be bounded is refused before anything is read, and says what it would take.
# refused NAME OPERATION BYTES EXPRESSION
refused() {
    evaluate "$4" x=big,dtype=f4 --memory $memory --threads 2 -o o.npy
    [ "$rc" -eq 1 ] || [ "$rc" -eq 2 ] || complain "$1: exit code $rc, expected a refusal"
    says "$2" "$1"
    says "$3 bytes" "$1"
    [ ! -e o.npy ] || complain "$1: an output is left"
}
refused "sort" "sort()" $bytes 'sort(x)'
refused "argsort" "argsort()" $((elements * 12)) 'argsort(x)'
refused "take from a huge table" "take()" $bytes "take(x, x.astype('int64'))"
refused "a fancy index" "take()" $bytes 'x[arange(1000000)]'
refused "search in what a pass would make" "searchsorted()" $((elements * 8)) 'searchsorted(cumsum(x), [1, 2])'
refused "rows of sums" "cumsum()" $bytes "cumsum(x.reshape(2, -1), axis=0)"
side=$((bytes < (1 << 30) ? 8192 : 32768))
a="x[:$((side * side))].reshape($side, $side)"
refused_matrix() { # NAME EXPRESSION
    evaluate "$2" x=big,dtype=f4 --memory $memory --threads 2 -o o.npy
    [ "$rc" -eq 1 ] || [ "$rc" -eq 2 ] || complain "$1: exit code $rc, expected a refusal"
    says "$1() needs [0-9]* bytes" "$1"
    [ ! -e o.npy ] || complain "$1: an output is left"
}
for name in inv cholesky det eigvalsh; do refused_matrix "${name/eigvalsh/eigh}" "linalg.$name($a)"; done
refused_matrix svd "linalg.svdvals($a)"
refused_matrix solve "linalg.solve($a, $a)"
refused_matrix qr "linalg.qr($a)[0]"
end
