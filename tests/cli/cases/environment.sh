GPUPROC_DEVICE='no such thing' gpuproc eval 'mean(x)' x="$GOLDEN/f8.npy" --device cpu
GPUPROC_DEVICE='no such thing' gpuproc eval 'mean(x)' x="$GOLDEN/f8.npy"
