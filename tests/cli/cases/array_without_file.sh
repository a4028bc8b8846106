gpuproc eval 'x + 1' x="$GOLDEN/f4.npy"
