gpuproc devices | sed -n '1p;2s/^\( *0  cpu\) .*/\1/p'
GPUPROC_BLAS=none gpuproc devices | sed -n '2s/.*, matrices: \(built-in\).*/\1/p'
gpuproc devices --json | grep -c '^{"devices":\[{"index":0,"kind":"cpu",'
