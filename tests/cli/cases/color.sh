gpuproc eval --color=always 'spead' 2>&1 | grep -c "$(printf '\033')"
gpuproc eval --color=auto 'spead' 2>&1 | grep -c "$(printf '\033')"
gpuproc eval --color=sometimes 'spead'
