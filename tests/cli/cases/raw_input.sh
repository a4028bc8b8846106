printf 'HEAD\0\1\0\2\0\3\377\377' >x.bin
gpuproc eval 'sum(x)' 'x=x.bin,dtype=>i2,offset=4'
gpuproc eval 'sum(x)' x=x.bin,dtype=i2,endian=big,offset=4,shape=2x2
gpuproc eval 'max(x)' 'x=x.bin,shape=(2,-1),dtype=u1,offset=4'
