# The reader ends before anything is written: no word, no death by a signal.
head -c 16777216 /dev/zero >x.bin
mkfifo p
(exec <p; sleep 0.2) &
gpuproc eval 'x + 1' x=x.bin,dtype=f4 -o - >p
