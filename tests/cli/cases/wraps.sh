. "$LIB"
npy x.npy '|u1' '(3,)' '\0\144\377'
gpuproc eval 'x + 200' x=x.npy -o y.npy && data y.npy
