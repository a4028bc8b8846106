gpuproc 'mean(x)' x=x.npy
