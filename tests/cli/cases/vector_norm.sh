# What lies along several axes is one vector; linalg.norm takes a matrix there.
gpuproc eval 'n = linalg.vector_norm(arange(8).reshape(2, 2, 2), ord=1, axis=(0, 1)); n[0], n[1]'
gpuproc eval 'n = linalg.norm(arange(8).reshape(2, 2, 2), ord=1, axis=(0, 1)); n[0], n[1]'
gpuproc eval 'linalg.vector_norm(arange(8).reshape(2, 2, 2), axis=(0, 1, 2), keepdims=True)[0, 0, 0]'
gpuproc eval 'linalg.vector_norm(arange(4).reshape(2, 2), ord=inf, keepdims=True)[0, 0]'
