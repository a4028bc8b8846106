. "$LIB"
gpuproc eval 'a = x + 1; b = x * a; max(b)' x="$GOLDEN/u1.npy" -o a=a.npy -o b=b.npy
data a.npy
data b.npy
