# What is not used must not be told: overflow on the way, a slope beyond the end.
gpuproc eval 'linalg.norm(arange(4.)); linalg.norm(arange(4.)*1e300); linalg.norm(arange(4.)*1e-300); linalg.norm(arange(4.)+1j)'
gpuproc eval 'interp([-1, 0, 1, 2, 3], [0, 1, 2], [1, 2, 5]).sum(); interp([1, 2], [1], [3]).sum()'
