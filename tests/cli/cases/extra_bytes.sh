cp "$GOLDEN/u1.npy" x.npy
printf 'abc' >>x.npy
gpuproc eval 'sum(x)' x=x.npy
