gpuproc eval '-max(x)' x="$GOLDEN/f8.npy"
gpuproc eval -q -- '-max(x)' x="$GOLDEN/f8.npy"
gpuproc eval -q '-(max(x) - 1)' x="$GOLDEN/f8.npy" --sync
