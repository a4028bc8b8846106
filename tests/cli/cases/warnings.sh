gpuproc eval 'mean(x)' x="$GOLDEN/empty.npy"
gpuproc eval 'mean(x)' x="$GOLDEN/empty.npy" --quiet
