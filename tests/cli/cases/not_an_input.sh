gpuproc eval 'mean(x)' "$GOLDEN/f4.npy"
