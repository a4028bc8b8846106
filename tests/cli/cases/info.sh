cp "$GOLDEN"/{fortran_cube,big_i2,zero_d,f4}.npy .
gpuproc info fortran_cube.npy big_i2.npy zero_d.npy f4.npy
gpuproc info f4.npy,dtype=f4,offset=128
