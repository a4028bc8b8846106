. "$LIB"
npy x.npy '|u1' '(4,)' '\1\2\3\6'
gpuproc eval 'x - min(x)' x=x.npy -o y.npy && data y.npy
