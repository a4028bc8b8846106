gpuproc eval 'mean(x + y)' x="$GOLDEN/f4.npy" y="$GOLDEN/fortran.npy"
