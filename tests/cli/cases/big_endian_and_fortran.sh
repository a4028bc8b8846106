gpuproc eval 'x - 0' x="$GOLDEN/big_i2.npy" -o y.npy,format=raw && od -An -td2 y.npy
gpuproc eval 'x - 0' x="$GOLDEN/fortran.npy" -o z.npy && tail -c +129 z.npy | od -An -tf4 -w24
