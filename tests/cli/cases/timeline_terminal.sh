# On standard error; the result alone goes to standard output.
gpuproc eval 'sum(x)' x="$GOLDEN/i2.npy" --timeline -
