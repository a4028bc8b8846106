# With dtype=float16 elements become float16 first, as NumPy has it: 527 in place of 525, and NaN of inf - inf.
gpuproc eval 'a = mean([30001, -30001, 17, 23457, -23999], dtype=float16); b = sum([30001, -30001, 17, 23457, -23999], dtype=float16); c = cumsum([30001, -30001, 17, 23457, -23999], dtype=float16)[-1]; d = mean([100000, -100000], dtype=float16); e = cumprod([100000, 0], dtype=float16)[-1]'
gpuproc eval 'cumprod([2, 3], dtype=complex128)'
