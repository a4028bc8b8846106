gpuproc eval 'mean(x)' x="$GOLDEN/f8.npy" -v
