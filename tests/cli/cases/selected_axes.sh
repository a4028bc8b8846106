# A mask over the first axis chooses rows: axis 0 of x[m] is theirs, the other axes stay.
raw() { gpuproc eval "$1" x=x.bin,dtype=f8,shape=2x2x3 m=m.bin,dtype=bool -o y.bin,format=raw -f && od -An -v -tf8 -w24 y.bin; }
gpuproc eval 'arange(12.0)' -o x.bin,format=raw
gpuproc eval 'arange(2) > 0' -o m.bin,format=raw
raw 'x[m].sum(axis=0)'
raw 'x[m].max(axis=(0, 1), keepdims=True)'
gpuproc eval 'shape(quantile(x[m], [0.5, 0.1], keepdims=True))[3]' x=x.bin,dtype=f8,shape=2x2x3 m=m.bin,dtype=bool
raw 'x[m].sum(axis=1)'
