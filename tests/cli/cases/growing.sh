. "$LIB"
npy x.npy '<i4' '(5,)' '\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0'
# To a file, to standard output, and none at all: the headers have the length.
gpuproc eval "x[x > 2]" x=x.npy -o y.npy -q && gpuproc eval x x=y.npy --json -o c.npy -q | sed "s,\"path.*,," && data y.npy
gpuproc eval 'x[x > 2]' x=x.npy -o - -q >z.npy && cmp y.npy z.npy && echo same
gpuproc eval 'x[x > 9]' x=x.npy -o - -q | head -c 128 | grep -c "'shape': (0,)"
cat x.npy | gpuproc eval 'x[x > 2]' x=- -o - -q | cmp y.npy - && echo same
gpuproc eval 'x[x > 2]' x=x.npy -o w.npy --json -q | sed 's/,"report":.*//'
gpuproc eval 'unique(arange(9) % 4).sum()' 2>&1 | head -1
