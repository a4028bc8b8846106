gpuproc eval --threads 1 'mean(x)' --chunk 4K x="$GOLDEN/f8.npy" --memory 25% --slots 2
