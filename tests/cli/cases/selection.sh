gpuproc eval 'x = arange(12).reshape(3, 4); sum(x[x % 3 == 0]); sum(x[[True, False, True]]); sum(nonzero(x > 5)[1]); sum(x[:, [1, -1]]); sum(take(x, x[:, 1]))'
gpuproc eval 'sum(searchsorted([1, 2, 3], arange(6))); sum(digitize(arange(6), [4, 2])); sum(isin(arange(100), [3, 5, 700])); interp(2.5, [1, 2, 3], [0, 10, 30])'
gpuproc eval "i = arange(3) + 1; sum(take(arange(3), i))"
