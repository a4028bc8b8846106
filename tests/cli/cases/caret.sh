gpuproc eval 'mean(spead * 2)' speed="$GOLDEN/f4.npy"
