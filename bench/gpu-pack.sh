#!/usr/bin/env bash
# A folder with all that bench/gpu-check.sh needs on a machine without network and packages: programs, the device
# tests with their golden files, and the libraries that they load, but the C library itself. At most 60 MiB.
#
#     bench/gpu-pack.sh BUILD FOLDER
set -eu
cd "$(dirname "$0")/.."
build=$(cd "$1" && pwd) pack=$2
most_kib=$((60 * 1024))

mkdir -p "$pack/bin" "$pack/lib" "$pack/layers" "$pack/tests"
for program in gpuproc gpu_questions; do cp "$build/bin/$program" "$pack/bin/"; done
for test in test_conformance test_conformance_reduce test_conformance_special test_cl_device test_cl_map \
    test_cl_reduce test_cl_special test_cl_matrix; do
    cp "$build/tests/$test" "$pack/bin/"
done
cp "$build/lib/libgpu_layer.so" "$pack/layers/" # --simulated
cp -r tests/golden "$pack/tests/"
cp bench/gpu-check.sh bench/gpu_peers.py "$pack/"

# What programs are linked with, and what they load when they run.
libraries() { ldd "$pack"/bin/* | awk '$2 == "=>" && $3 ~ /^\// { print $3 }'; }
loaded() {
    for name in libOpenCL.so.1 libclblast.so.1 libopenblas.so.0; do
        ldconfig -p | awk -v name="$name" '$1 == name { print $NF; exit }'
    done
}
copy() {
    while read -r path; do
        case ${path##*/} in
            libc.so.* | libm.so.* | ld-linux* | libpthread.so.* | libdl.so.* | librt.so.* | libresolv.so.*) continue ;;
        esac
        [ -e "$pack/lib/${path##*/}" ] || cp -L "$path" "$pack/lib/${path##*/}"
    done
}
{ libraries; loaded; } | sort -u | copy
ldd "$pack"/lib/* 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u | copy
strip --strip-unneeded "$pack"/lib/* "$pack"/bin/* 2>/dev/null || true
gzip -9 -f "$pack/lib/libopenblas.so.0" # the largest by far

kib=$(du -sk "$pack" | cut -f1)
echo "$pack: $((kib / 1024)) MiB"
[ "$kib" -le "$most_kib" ] || { echo "that is more than $((most_kib / 1024)) MiB" >&2; exit 1; }
