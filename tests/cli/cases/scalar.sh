gpuproc eval 'mean(x)' x="$GOLDEN/f8.npy"
gpuproc eval 'sum(x)' x="$GOLDEN/i4.npy"
gpuproc eval 'any(x)' x="$GOLDEN/b1.npy"
gpuproc eval 'max(x) / 10' x="$GOLDEN/f4.npy"
gpuproc eval 'min(x) / 0 * 0' x="$GOLDEN/f8.npy" -q
