gpuproc eval 'x + 0' x="$GOLDEN/f4.npy" -o y.npy &&
    cmp y.npy "$GOLDEN/f4.npy" && ls -A
