echo old >y.npy
gpuproc eval 'x + 1' x="$GOLDEN/f4.npy" -o y.npy
code=$?
cat y.npy
ls -A
exit $code
