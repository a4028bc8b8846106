# A trace and a picture appear beside the result; they are replaced with -f only.
gpuproc eval 'x + 1' x="$GOLDEN/f4.npy" -o y.npy --trace t.json --timeline t.svg
ls -A
head -c 24 t.json
echo
tail -c 7 t.svg
echo old >t.json
gpuproc eval 'x + 1' x="$GOLDEN/f4.npy" -o z.npy --trace t.json && echo replaced
cat t.json
gpuproc eval 'x + 1' x="$GOLDEN/f4.npy" -o y.npy --trace t.json --timeline t.svg -f
head -c 24 t.json
echo
ls -A
