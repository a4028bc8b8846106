gpuproc eval 'max(arange(4), initial=inf)'
