. "$LIB"
npy x.npy '<f4' '(2,3)' '\0\0\300\177\0\0\300\177\0\0\300\177\0\0\200\77\0\0\0\100\0\0\100\100'
npy e.npy '<i4' '(3,)' '\1\0\0\0\2\0\0\0\375\377\377\377'
# What NumPy refuses when it sees the data fails with NumPy's words.
fail() {
    gpuproc eval "$@" x=x.npy e=e.npy -q 2>&1
    echo "exit $?"
}
fail 'nanargmin(x, axis=1)' -o y.npy
fail 'nanargmax(x[0])'
fail 'min(x[x > 9])'
fail 'max(e[e > 9])'
fail 'nanmin(x[x > 9])'
fail 'argmin(e[e > 9])'
fail 'nanargmax(x[x > 9])'
fail 'ptp(e[e > 9])'
fail 'a, b = histogram(x)' -o a=a.npy -o b=b.npy
fail 'histogram_bin_edges(x)' -o a.npy
fail 'bincount(e)' -o a.npy
fail 'average(x[1], weights=[1, -2, 1])'
fail 'average(e, weights=e)'
ls *.npy
# And what does not come to that is as it was.
gpuproc eval 'nanmin(x[0]); nanmin(x[isnan(x)]); min(-abs(x[x == 1]) * 0); nanargmin(x[1])' x=x.npy -q
