head -c 140 "$GOLDEN/f8.npy" >x.npy
gpuproc eval 'mean(x)' x=x.npy
