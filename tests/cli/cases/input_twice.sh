gpuproc eval 'mean(x)' x="$GOLDEN/f4.npy" x="$GOLDEN/f8.npy"
