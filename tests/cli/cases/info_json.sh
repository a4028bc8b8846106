cp "$GOLDEN/big_f4.npy" x.npy
gpuproc info --json x.npy nothing.npy
