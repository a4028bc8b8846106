# What cannot be is told before anything is computed.
f=$GOLDEN/f4.npy
mkdir folder
cp "$f" x.npy
for options in '--trace -' '--trace folder' '--trace no/such.json' '--timeline x.npy' '-f --timeline x.npy' \
    '--trace same --timeline same' '--trace y.npy' '--trace'; do
    gpuproc eval 'x + 1' x=x.npy -o y.npy $options
    echo $?
done
ls -A
cmp x.npy "$f" && echo unchanged
