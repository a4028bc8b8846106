. "$LIB"
echo old >y.npy
gpuproc eval 'x + 1' x="$GOLDEN/u1.npy" -o y.npy --overwrite
data y.npy
gpuproc eval 'x + 1' x=y.npy -o y.npy -f
data y.npy
ls -A
