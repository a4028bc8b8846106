gpuproc eval 'mean(x)' x="$GOLDEN/f4.npy" --memory
