printf '\1\2\3' | gpuproc eval 'x * 2' x=-,dtype=u1,shape=3 -o -,format=raw | od -An -tx1
