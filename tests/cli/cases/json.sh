gpuproc eval 'lo = min(x); m = mean(x); y = m * inf' x="$GOLDEN/i2.npy" --json -q | sed 's/,"report":.*//'
