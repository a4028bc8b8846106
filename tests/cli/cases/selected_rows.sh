# A mask of rows counts the elements of each.
gpuproc eval 'x = arange(12.).reshape(3, 4); y = x[[True, False, True]]; mean(y); std(y); y.sum(axis=0)[1]; median(y, axis=0)[3]; x.sum(axis=1)[[True, False, True]].max()'
