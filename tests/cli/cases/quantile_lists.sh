# q of NumPy's quantile may be a list of lists, or empty; a nan* quantile of nothing is nanmean.
gpuproc eval 'q = quantile(arange(5), [[0, 0.5], [0.25, 1]]); q[0, 1], q[1, 0], q[1, 1]'
gpuproc eval 'q = percentile(arange(6).reshape(2, 3), [[50, 100]], axis=0, keepdims=True); q[0, 0, 0, 2], q[0, 1, 0, 0]'
gpuproc eval 'shape(quantile(arange(6).reshape(2, 3), [], axis=1))'
gpuproc eval "nanquantile(arange(0), 0.5, method='lower')" -q
gpuproc eval 'quantile(arange(4), [[[1]]])' 2>&1 | head -1
gpuproc eval 'quantile(arange(4), [[1], [0, 1]])' 2>&1 | head -1
