# All functions by group, from the table that the parser uses; one of them by its name.
gpuproc help functions >all
grep '^[A-Z].*:$' all
grep -c '^  sum(a, axis=' all
gpuproc help random.normal | head -n 1
gpuproc help clip | head -n 1
gpuproc help clyp
