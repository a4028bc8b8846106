gpuproc
