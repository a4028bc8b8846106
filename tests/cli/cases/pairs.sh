. "$LIB"
npy x.npy '<i4' '(4,)' '\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0'
# Functions of two arrays; what NumPy gives for each is what stands beside it.
gpuproc eval 'dot(x, x); vdot(x, x / 2); inner(x, 2.0 * x); allclose(x, x + 1e-9); array_equal(x, x[::-1])' x=x.npy -q
show() { gpuproc eval "$1" x=x.npy -q -o - | data /dev/stdin; }
show 'uint8(convolve(x, [1, 2, 3]))'
show "uint8(convolve(x, [1, 2, 3], 'same'))"
show "uint8(convolve(x, [1, 2, 3], 'valid'))"
show "uint8(correlate(x, [1, 2], 'full'))"
show 'uint8(outer(x, [1, 10]))'
show 'bincount(uint8(x), minlength=7)'
show 'unique(float16(x) // 2)'
gpuproc eval 'convolve(x, x)' x=x.npy -q -o y.npy 2>&1
