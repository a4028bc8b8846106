#!/usr/bin/env bash
# A device of its own time and memory (gpu_layer.c): the same bits as the CPU's on every way
# that data can take, and stages of different chunks at the same time, or not with --sync.
#
#     gpu.sh GPUPROC LAYER
. "$(dirname "$0")/lib.sh" "$1"
layer=$2
skip_without_device

on_gpu() { OPENCL_LAYERS=$layer eval_on "$@" --device gpu --no-fallback; }

# ---- The same bits ----
export GPUPROC_SIM_UP=4e9 GPUPROC_SIM_DOWN=4e9 GPUPROC_SIM_KERNEL=4e9
compare() {
    limit=60
    eval_on right --device cpu
    [ "$rc" -eq 0 ] || complain "$expression: $(cat right/stderr.txt)"
    for options in '' '--chunk 64K' '--chunk 100000 --slots 2' '--chunk 64K --sync' '--chunk 32K --slots 7' \
        '--chunk 32K --slots 1'; do
        # shellcheck disable=SC2086  # words are meant
        on_gpu now $options
        [ "$rc" -eq 0 ] || complain "$expression $options: exit code $rc: $(cat now/stderr.txt)"
        same right now || complain "$expression $options: another result"
    done
}
output=y.npy
expression='x * 3 + t'; compare
expression='sqrt(float32(abs(x))) + float32(t)'; compare
expression='where(x > mean(x), float64(x) / 7, float64(t))'; compare
expression='y = (x - mean(x)) / std(x); lo = min(x); hi = max(x); n = count_nonzero(x > hi // 2)'; compare
output=
expression='sum(x); mean(x); var(x, ddof=1); argmin(x); prod(float64(x > 0) + 0.5); any(x > 32766); all(x == x)'
compare
expression='m = mean(x); s = sum(abs(x - m)); max((x - m) / s)'; compare

# ---- Overlap ----
# Slow enough that each stage of each chunk is asleep most of its time.
export GPUPROC_SIM_UP=2e7 GPUPROC_SIM_DOWN=4e7 GPUPROC_SIM_KERNEL=6e7
output=y.npy expression='float32(x) + 1'
eval_on right --device cpu

# overlaps FILE: how many pairs of different engines' intervals overlap.
overlaps() {
    awk '{ e[NR] = $1; a[NR] = $2 - base; b[NR] = $3 - base
           if (NR == 1) { base = $2; a[1] = 0; b[1] = $3 - base } }
         END { for (i = 1; i <= NR; i++) for (k = 1; k < i; k++)
                   if (e[i] != e[k] && a[i] < b[k] && a[k] < b[i]) n[e[i] < e[k] ? e[i] "-" e[k] : e[k] "-" e[i]]++
               printf "%d %d %d\n", n["compute-up"], n["compute-down"], n["down-up"] }' "$1"
}
GPUPROC_SIM_LOG=$scratch/log on_gpu now --chunk 128K
same right now || complain "overlapped: another result ($rc, $(cat now/stderr.txt))"
read -r computing_up computing_down up_down <<<"$(overlaps "$scratch/log")"
echo "overlapping pairs: compute and up $computing_up, compute and down $computing_down, up and down $up_down"
[ "$computing_up" -gt 0 ] || complain "no upload while something was computed"
[ "$computing_down" -gt 0 ] || complain "no download while something was computed"
[ "$up_down" -gt 0 ] || complain "no upload during a download"

GPUPROC_SIM_LOG=$scratch/log on_gpu now --chunk 128K --sync
same right now || complain "--sync: another result ($rc, $(cat now/stderr.txt))"
read -r computing_up computing_down up_down <<<"$(overlaps "$scratch/log")"
[ "$computing_up$computing_down$up_down" = 000 ] || complain "--sync overlaps: $computing_up $computing_down $up_down"

[ "$failures" -eq 0 ]
