gpuproc eval '1+2j; complex64(1)/3; (-1+0j)**0.5; abs(3+4j); float16(1)/3; float16(65504); spacing(float16(1000)); nextafter(float16(65504), inf)'
gpuproc eval 'z = arange(4) + 1j*arange(4)[::-1]; sum(z*z); z.imag.max(); sum(z[z.real > 1]); mean(conj(z))'
gpuproc eval 'h = arange(2049, dtype=float16); h[2048] + float16(1); sum(h == float32(h)); max(sqrt(h))'
gpuproc eval 'x = arange(5.); sum(x + 1j); cumsum(x + 1j)[-1]; sum((x + 1j)[1:3])'
