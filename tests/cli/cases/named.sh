gpuproc eval 'm = mean(x)' x="$GOLDEN/f8.npy"
gpuproc eval 'lo = min(x); hi = max(x)' x="$GOLDEN/u1.npy"
gpuproc eval 'min(x); max(x)' x="$GOLDEN/u1.npy"
