gpuproc eval 'mean(x + y)' x=- y=-
