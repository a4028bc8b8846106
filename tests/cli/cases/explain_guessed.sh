# Without measured figures it says so; a file of figures that is none is not believed.
echo 'gpuproc rates 2 host' >bad.txt
gpuproc explain 'sum(x)' x="$GOLDEN/i2.npy" | grep -o 'guessed (not calibrated[^)]*)'
GPUPROC_RATES=bad.txt gpuproc explain 'sum(x)' x="$GOLDEN/i2.npy" | grep -o 'guessed (not calibrated[^)]*)'
GPUPROC_RATES="$GOLDEN/../rates.txt" gpuproc explain 'sum(x)' x="$GOLDEN/i2.npy" | grep -c guessed
GPUPROC_RATES="$GOLDEN/../rates.txt" gpuproc calibrate --show | sed -n 's/^  \(write\|op.SQRT.float32\) *\([0-9.]*\) .*/\1 \2/p'
gpuproc calibrate --show --json | grep -o '"name":"disk_read","value":[0-9.]*,"unit":"GB.s","measured":[a-z]*'
gpuproc calibrate --help | cmp - <(gpuproc help calibrate) && echo same
gpuproc calibrate x
echo $?
gpuproc calibrate --device nosuch --show
echo $?
ls
