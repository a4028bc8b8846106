. "$LIB"
npy x.npy '|u1' '(2,)' '\1\2'
# Its names mean standard output, as "-" does.
for name in /dev/stdout /dev/fd/1 y=/proc/self/fd/1; do
    gpuproc eval 'y = x + 1' x=x.npy -o $name | data /dev/stdin
done
gpuproc eval 'a = x; b = x' x=x.npy -o a=- -o b=/dev/stdout 2>&1 | head -n 1
