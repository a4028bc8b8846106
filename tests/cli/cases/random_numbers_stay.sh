gpuproc eval 'a = random.random((5,), seed=7)[4]; b = random.normal(0, 1, (3,), seed=7)[2]; c = random.integers(0, 1000, (4,), seed=7)[3]; d = random.random((1000,))[999]' --device cpu
