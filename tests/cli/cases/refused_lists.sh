# What NumPy refuses, or understands otherwise, is not computed.
try() { gpuproc eval "$@" -o y.npy; echo "exit $?"; }
gpuproc eval 'arange(6) % 3' -o x.bin,format=raw
try '[1, 2] * 3'
try 'compress([True] * 200, x, axis=0)' x=x.bin,dtype=i8
try 'any(unique(x), axis=-1)' x=x.bin,dtype=i8
try 'pad(5, -1)'
try "indices((3, 2), dtype='bool')"
try 'average(x[:0], weights=x[:0])' x=x.bin,dtype=i8
try "choose(x.astype('uint64') % 2, [1, 2])" x=x.bin,dtype=i8
