# What is refused, before anything is searched for.
gpuproc help tune | head -n 1
gpuproc tune --help | cmp - <(gpuproc help tune) && echo same
gpuproc tune
echo $?
gpuproc tune --device nosuch --json
echo $?
gpuproc tune --seconds 0
echo $?
gpuproc tune --seconds 1.5
echo $?
gpuproc tune --progress=sometimes
echo $?
gpuproc tune x
echo $?
gpuproc tune --sekonds 3
