gpuproc eval 'x - 0' x="$GOLDEN/big_i2.npy" -o y.npy,format=raw && od -An -td2 y.npy
# As NumPy keeps the order of its operand; raw data has nothing that would tell, and is in C order.
gpuproc eval 'x - 0' x="$GOLDEN/fortran.npy" -o z.npy && tail -c +129 z.npy | od -An -tf4 -w24
head -c 128 z.npy | grep -ac "'fortran_order': True, 'shape': (2, 3)"
gpuproc eval 'x - 0' x="$GOLDEN/fortran.npy" -o z.bin,format=raw && od -An -tf4 -w24 z.bin
