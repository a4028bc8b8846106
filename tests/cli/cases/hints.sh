# Slips that one makes who comes from NumPy, Python or a spreadsheet.
printf '\0\0\200\77' >x
for e in 'sum(X)' 'PI * x' 'Mean(x)' 'ln(x)' 'avg(x)' 'np.random.randn(3)' 'x ^ 2'; do
    gpuproc eval "$e" x=x,dtype=f4,shape=1
done
