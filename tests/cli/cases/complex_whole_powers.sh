# Whole powers go by squaring, whether they are one number or elements, and overflow as NumPy's do.
gpuproc eval 'z = (zeros(7) + (1+2j)) ** arange(7.); sum(z.real); sum(z.imag)'
gpuproc eval 'count_nonzero(isnan((zeros(3) + (1e200+1e200j)) ** (arange(3.) + 4)))' -q 2>/dev/null
gpuproc eval 'count_nonzero(isnan((zeros(3) + 1e300j) ** 8))' -q 2>/dev/null
