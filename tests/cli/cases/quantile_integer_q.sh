# Results of integers: NumPy adds nothing of int64 to an element where q is a list of integers.
for m in weibull averaged_inverted_cdf interpolated_inverted_cdf linear hazen; do
    gpuproc eval "quantile(arange(7, dtype=uint8), [1, 0], method='$m')" -o q.npy -f -q
    gpuproc info q.npy | head -n 1
done
