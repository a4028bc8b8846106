# Sums of small integers wrap in their dtype, as NumPy's do: 600 in 8 bits is 88.
gpuproc eval 'a = histogram(zeros(600), 2, weights=ones(600, dtype=uint8))[0][1]; b = histogram(zeros(600), 2, weights=full(600, 100, dtype=int8))[0][1]; c = histogram(zeros(600), 2, weights=ones(600, dtype=float32))[0][1]'
gpuproc eval 'pad(3, [])'
