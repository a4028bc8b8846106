# A layout given to what tells its own: the header would be data.
cp "$GOLDEN/b1.npy" x.npy
gpuproc eval 'count_nonzero(x) > 0' x=x.npy,dtype=u1
gpuproc eval 'count_nonzero(x) > 0' x=x.npy,dtype=u1,offset=128
