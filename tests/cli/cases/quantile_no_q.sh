gpuproc eval 'quantile(arange(4), [])'
