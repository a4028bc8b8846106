gpuproc eval 'mean(x)' x=nothing.npy
