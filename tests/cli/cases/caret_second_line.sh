printf 'y = x + 1\nmean(spead)\n' >expression
gpuproc eval -e expression x="$GOLDEN/f4.npy"
