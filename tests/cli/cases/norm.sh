# Nothing overflows on the way, so nothing is told.
gpuproc eval 'linalg.norm(arange(4.)); linalg.norm(arange(4.)*1e300); linalg.norm(arange(4.)*1e-300); linalg.norm(arange(4.)+1j)'
