gpuproc eval
