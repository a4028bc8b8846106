# What eval would do, calculated with fixed figures; only headers are read, nothing is written.
export GPUPROC_RATES="$GOLDEN/../rates.txt" GPUPROC_THREADS=2 GPUPROC_MEMORY=256M
cpu=$(gpuproc devices --json | sed 's/.*"index":0[^}]*"name":"\([^"]*\)".*/\1/')
plain() { sed -e 's/  \* .\{40\} /  * CPU /' -e 's/ *$//'; }
head -c 80000000 /dev/zero >x.bin
gpuproc explain 'sum(sqrt(x*x + y*y))' x=x.bin,dtype=f4 y=x.bin,dtype=f4 --threads 2 | plain
gpuproc explain 'mean(exp(x))' x=x.bin,dtype=f8 --json |
    grep -o '"reason":"[^"]*"\|"calibrated":[a-z]*\|"wall_ns":[0-9]*\|"limit":"[a-z]*"\|"passes":\[.*"devices"' |
    sed 's/"passes":.*"chunks":\([0-9]*\).*/chunks \1/' | sort -u
gpuproc explain 'm - mean(m, axis=0)' m=x.bin,dtype=f4,shape=4000x5000 -o out.npy | grep -c '^pass'
gpuproc explain 'z = x + 1' x=x.bin,dtype=f4 -o out.npy -v | grep '^nodes\|^pass . \(on\|in\)\| gp_map('
gpuproc explain 'z = x - mean(x)' x=- -o - <"$GOLDEN/i2.npy" | grep -c '^pass'
gpuproc eval 'z = x - mean(x)' x=- -o z.npy --report <"$GOLDEN/i2.npy" 2>&1 | grep -c predicted:
ls
# What is wrong with an expression is told as eval does.
gpuproc explain 'sum(q)' x=x.bin,dtype=f4
echo $?
gpuproc explain
echo $?
gpuproc explain 'x @ x' x=x.bin,dtype=f8,shape=1000x10000
echo $?
gpuproc explain 'linalg.inv(x)' x=x.bin,dtype=f8,shape=3000x3000 -o inv.npy --memory 1M
echo $?
gpuproc explain --help | cmp - <(gpuproc help explain) && echo same
