# NumPy's weights of observations: how often each was made, and how much it counts.
gpuproc eval 'c = cov(arange(8).reshape(2, 4) ** 2, fweights=[1, 0, 2, 1]); c[0, 0], c[0, 1], c[1, 1]'
gpuproc eval 'c = cov(arange(8).reshape(2, 4) ** 2, aweights=[1, 0, 2, 1]); c[0, 0], c[0, 1], c[1, 1]'
gpuproc eval 'cov(arange(4), fweights=[1, 2, 3, 4], aweights=[0.5, 0.25, 1, 2], ddof=0)'
gpuproc eval 'cov(arange(20).reshape(4, 5) ** 2, aweights=[1, 2, 3, 4], rowvar=False)[4, 1]'
gpuproc eval 'cov(arange(4), fweights=[1, 2, 3, -4])' 2>&1
gpuproc eval 'cov(arange(4), aweights=[1, 2])' 2>&1 | head -1
