# All functions by group, from the table that the parser uses; one of them by its name.
gpuproc help functions >all
grep -c '^      ' all
grep '^[A-Z].*:$' all
gpuproc help random.normal
gpuproc help clip
gpuproc help clyp
