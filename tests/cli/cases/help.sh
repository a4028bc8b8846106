# Examples stand first, and a command's --help is what help prints.
gpuproc --help | sed -n '1p;3,4p'
for command in eval info devices tune help; do
    gpuproc help $command | head -n 1
done
gpuproc eval --help >1
gpuproc help eval | cmp 1 -
