gpuproc eval "quantile(arange(2**53, 2**53 + 5), 0.5, method='lower')"
