# A full device is an error, and the result is there all the same.
gpuproc eval 'sum(x)' x="$GOLDEN/i2.npy" --trace /dev/full
