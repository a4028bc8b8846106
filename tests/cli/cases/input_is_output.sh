cp "$GOLDEN/u1.npy" x.npy
ln x.npy other.npy
gpuproc eval 'x + 1' x=x.npy -o other.npy
code=$?
cmp x.npy "$GOLDEN/u1.npy"
exit $code
