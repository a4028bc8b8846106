gpuproc --version --json | grep -c '^{"version":"[0-9.]*","compiler":".*}$'
