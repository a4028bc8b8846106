# What is refused, before anything is measured.
gpuproc help bench | head -n 3
gpuproc bench --help | cmp - <(gpuproc help bench) && echo same
for options in '--seconds 0' '--seconds x' '--json --csv' '--quik' '--html -' '--html no/page.html' '--compare' \
    'sum(x) --quick' 'sum(x) --filter sum' 'sum(x) x' 'sum(x) x=-' '--compare a b c' '--compare a --csv' \
    '--compare no.json' '--filter nonesuch' '--device nonesuch'; do
    gpuproc bench $options
    echo $?
done
ls -A
