# SIGTERM while the job waits for data that never comes: nothing is left behind.
mkfifo p
sleep 10 >p &
sleeper=$!
gpuproc eval 'x + 1' x=p,dtype=u1,shape=1000000 -o y.npy &
job=$!
sleep 0.5
kill -TERM $job
wait $job
code=$?
kill $sleeper
rm p
ls -A
exit $code
