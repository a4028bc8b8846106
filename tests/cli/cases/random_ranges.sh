gpuproc eval 'a = random.random((2,), seed=2**63)[1]; b = random.random((2,), seed=18446744073709551615)[1]; c = random.integers(2**63, 2**64, (2,), seed=7, dtype=uint64)[1]; d = random.integers(0, 2**64, (2,), seed=7, dtype=uint64)[1]' --device cpu
for e in 'random.random(3, seed=2**64)' 'random.random(3, seed=-1)' 'random.integers(7, 5)' 'random.integers(0, 2**64 + 1, dtype=uint64)' \
    'random.integers(-1, 3, dtype=uint8)' 'random.normal(0, -1)' 'random.uniform(0, inf)' 'random.uniform(2, 1)' 'random.uniform(-1e308, 1e308)'; do
    gpuproc eval "$e"
done
