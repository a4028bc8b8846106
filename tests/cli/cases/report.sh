# Beside the result, never in it.
gpuproc eval 'sum(x)' x="$GOLDEN/i2.npy" --report
gpuproc eval 'sum(x)' x="$GOLDEN/i2.npy" --report --json 2>errors | grep -o '"stages":{"[a-z]*"\|"predicted":{"calibrated":[a-z]*,"wall_ns"\|"limit":"'
cat errors
