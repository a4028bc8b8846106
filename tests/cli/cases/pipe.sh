gpuproc eval 'x + 1' x=- -o - <"$GOLDEN/f4.npy" | gpuproc eval 'sum(x)' x=-
cat "$GOLDEN/f4.npy" | gpuproc eval 'x + 0' x=- -o - | cmp - "$GOLDEN/f4.npy"
