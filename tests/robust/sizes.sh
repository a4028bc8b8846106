#!/usr/bin/env bash
# Nothing at all, one of it, and far too much.
. "$(dirname "$0")/lib.sh" "$1"
printf '\0\0\0\0\0\0\200\77' >two # 0, 1 in float32

# ---- 0-d and empty ----
npy zero_d.npy '<f4' '()'; printf '\0\0\200\77' >>zero_d.npy
npy empty.npy '<f4' '(0,)'
npy empty_rows.npy '<f4' '(3, 0, 5)'
evaluate 'x + 1' x=zero_d.npy; expect 0 "0-d"; prints 2.0 "0-d"
evaluate 'x + 1' x=zero_d.npy -o zero_d_out.npy; expect 0 "0-d to a file"
evaluate 'sum(x)' x=zero_d_out.npy; prints 2.0 "0-d from a file"
evaluate 'x + 1' x=empty.npy -o empty_out.npy; expect 0 "empty to a file"
[ "$(stat -c %s empty_out.npy)" -eq 128 ] || complain "empty to a file: $(stat -c %s empty_out.npy) bytes"
evaluate 'x + y' x=empty_rows.npy y=zero_d.npy -o rows_out.npy; expect 0 "empty rows"
"$gpuproc" info rows_out.npy | grep -q '3.*0.*5' || complain "empty rows: $("$gpuproc" info rows_out.npy)"
evaluate 'sum(x)' x=empty.npy; prints 0.0 "the sum of nothing"
evaluate 'prod(x)' x=empty.npy; prints 1.0 "the product of nothing"
evaluate 'all(x)' x=empty.npy; prints True "all of nothing"
evaluate 'mean(x)' x=empty.npy; expect 0 "the mean of nothing"; prints nan "the mean of nothing"
evaluate 'max(x)' x=empty.npy; [ "$rc" -eq 1 ] || [ "$rc" -eq 2 ] || complain "the maximum of nothing: $rc $(cat out err)"
evaluate 'argmin(x)' x=empty.npy; [ "$rc" -eq 1 ] || [ "$rc" -eq 2 ] || complain "argmin of nothing: $rc $(cat out err)"
evaluate '(x - mean(x)) / std(x)' x=empty.npy -f -o empty_out.npy; expect 0 "two passes over nothing"
timeout 20 "$gpuproc" eval 'x + 1' x=empty.npy -o - --device cpu 2>err | cmp - empty_out.npy || complain "empty to standard output"
evaluate '1 + 2'; expect 0 "no input"; prints 3 "no input"
evaluate ''; expect 2 "no expression"
evaluate ';;'; [ "$rc" -eq 2 ] || complain "only semicolons: $rc"

# ---- Many ----
inputs='' sum=x0
for ((i = 0; i < 150; i++)); do
    inputs="$inputs x$i=two,dtype=f4"
    [ $i -eq 0 ] || sum="$sum + x$i"
done
# shellcheck disable=SC2086  # words are meant
evaluate "sum($sum)" $inputs; expect 0 "150 inputs"; prints 150.0 "150 inputs"
# shellcheck disable=SC2086
evaluate "$sum" $inputs -o many.npy --memory 64M; expect 0 "150 inputs, an array"
text=''
for ((i = 0; i < 300; i++)); do text="${text}r$i = sum(x) + $i;"; done
evaluate "$text" x=two,dtype=f4; expect 0 "300 results"
[ "$(wc -l <out)" -eq 300 ] && [ "$(tail -1 out)" = 'r299 = 300.0' ] || complain "300 results: $(tail -1 out)"
text='' outputs=''
for ((i = 0; i < 100; i++)); do text="${text}r$i = x + $i;" outputs="$outputs -o r$i=many_$i.npy"; done
# shellcheck disable=SC2086
evaluate "$text" x=two,dtype=f4 $outputs; expect 0 "100 files"
evaluate 'max(x)' x=many_99.npy; prints 100.0 "100 files"
(
    ulimit -n 40
    # shellcheck disable=SC2086
    evaluate "$text" x=two,dtype=f4 -f $outputs; expect 1 "too few descriptors"
    exit "$failures"
) || failures=$((failures + $?))
evaluate 'max(x)' x=many_99.npy; prints 100.0 "too few descriptors: the old files"
[ -z "$(ls -A | grep part)" ] || complain "left behind: $(ls -A | grep part)"

# ---- Long and deep ----
long=$(printf '1+%.0s' $(seq 1 32766))1
evaluate "$long"; [ "$rc" -eq 0 ] || [ "$rc" -eq 2 ] || complain "64 KiB of expression: $rc $(head -c 200 err)"
evaluate "$long+1+1+1"; expect 2 "more than 64 KiB of expression"
for one in '(' '-' '[' 'sum(' '~' '1+(' 'x.' '1 if '; do
    deep=$(printf -- "$one%.0s" $(seq 1 10000))
    evaluate "$deep" x=two,dtype=f4; [ "$rc" -eq 2 ] || [ "$one" = '[' ] || complain "10000 times '$one': $rc $(head -c 200 err)"
done
deep=$(printf '(%.0s' $(seq 1 150))x$(printf ')%.0s' $(seq 1 150))
evaluate "sum($deep)" x=two,dtype=f4; prints 1.0 "150 parentheses"
power=$(printf 'x**%.0s' $(seq 1 5000))x
evaluate "$power" x=two,dtype=f4; [ "$rc" -eq 0 ] || [ "$rc" -eq 2 ] || complain "5000 powers: $rc"

# ---- Names ----
for name in and or not if else lambda None True False pi sum sqrt float32 inf nan; do
    evaluate "sum($name)" "$name=two,dtype=f4"
    [ "$rc" -eq 0 ] || [ "$rc" -eq 2 ] || complain "an input called $name: $rc"
done
long=$(head -c 3000 /dev/zero | tr '\0' n)
evaluate "sum($long)" "$long=two,dtype=f4"; [ "$rc" -eq 0 ] || [ "$rc" -eq 2 ] || complain "a long name: $rc"
evaluate "$long"; expect 2 "a long unknown name"
evaluate "$(printf 'x + \xff\xfe')" x=two,dtype=f4; expect 2 "bytes that are no text"
evaluate "$(printf 'x + \033[31m')" x=two,dtype=f4; expect 2 "control characters"
LC_ALL=C grep -q "$(printf '\033\\[31m')" err && complain "control characters reach the terminal"

# ---- Options ----
for option in --memory=0 --memory=1 --chunk=1 --chunk=99999999999999999999 --slots=0 --slots=64 --threads=0 \
    --threads=1000 --memory=1K --chunk=8E --memory=-1; do
    evaluate 'sum(x)' x=two,dtype=f4 "$option"
    [ "$rc" -ge 0 ] && [ "$rc" -le 2 ] || complain "$option: $rc"
    [ "$rc" -ne 0 ] || [ "$(cat out)" = 1.0 ] || complain "$option: $(cat out)"
done
end
