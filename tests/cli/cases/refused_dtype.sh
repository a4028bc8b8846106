gpuproc eval 'mean(x)' x="$GOLDEN/bad_object.npy"
