gpuproc eval 'mean(x)'
