gpuproc eval 'max(1 / x)' x="$GOLDEN/f8.npy"
gpuproc eval 'max(1 / x)' x="$GOLDEN/f8.npy" --quiet
