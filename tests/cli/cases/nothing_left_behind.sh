# A job that fails in the middle leaves no file, neither the result nor a part of it.
printf '\1\2\3' | gpuproc eval 'x + 1' x=-,dtype=u1,shape=1000000 -o y.npy
code=$?
ls -A
exit $code
