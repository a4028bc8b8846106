gpuproc evla x
