#!/usr/bin/env bash
# Installs what is missing (Debian 12 or 13, root or sudo), builds, makes sample data
# and runs the main job on it. Everything is written below build/demo.
#
#     data/demo.sh [HOURS]     hours of wind, 4 MB each and per component (24)
set -eu
cd "$(dirname "$0")/.."
. tests/packages.sh
hours=${1:-24}

need build-essential cmake ninja-build pkg-config ocl-icd-libopencl1 ocl-icd-opencl-dev opencl-headers \
    libsleef-dev liburing-dev libmd-dev libpopt-dev libjson-c-dev

echo "== build (a minute or two the first time)"
mkdir -p build
if [ ! -x build/bin/gpuproc ] || [ -n "$(find host include kernels data CMakeLists.txt -newer build/bin/gpuproc -type f | head -n 1)" ]; then
    generator=()
    [ -f build/CMakeCache.txt ] || generator=(-G Ninja -DGPUPROC_TESTS=OFF -DGPUPROC_BENCH=OFF)
    cmake -S . -B build "${generator[@]}" >build/configure.log || { cat build/configure.log; exit 1; }
    build build -j "$(nproc)" --target gpuproc make_wind
fi
PATH=$PWD/build/bin:$PATH
demo=build/demo
mkdir -p $demo

# Shows a command as one would type it, then runs it.
show() {
    local word line='$'
    for word in "$@"; do
        case $word in
            *[!a-zA-Z0-9_.,=/-]*) line="$line '$word'" ;;
            *) line="$line $word" ;;
        esac
    done
    printf '%s\n' "$line"
    "$@"
}

echo "== sample data: $hours hours of wind on a global grid"
make_wind "$hours" $demo
cd $demo

echo
echo "== what can compute here"
show gpuproc devices

echo
echo "== the main job: the mean wind speed over all hours, and how it was done"
show gpuproc eval 'mean(sqrt(u*u + v*v))' u=u.npy v=v.npy -v

echo
echo "== several results in one pass"
show gpuproc eval 's = hypot(u, v); mean(s); std(s); max(s)' u=u.npy v=v.npy -o s=speed.npy -f

echo
echo "== two passes: the speed of the first hour (raw, behind the header) as a picture"
# The first hour stands behind the header of 128 bytes.
show gpuproc eval 's = hypot(u, v); uint8(255 * (s - min(s)) / (max(s) - min(s)))' \
    u=u.npy,dtype=f4,shape=721x1440,offset=128 v=v.npy,dtype=f4,shape=721x1440,offset=128 \
    -o picture.bin,format=raw -f
{ printf 'P5\n1440 721\n255\n'; cat picture.bin; } >wind.pgm

# The same in letters: every 20th column of every 30th row.
echo
od -An -v -tu1 -w1440 picture.bin | awk 'NR % 30 == 15 {
    line = ""
    for (i = 10; i <= 1440; i += 20) line = line substr(" .:-=+*#%@", int($i / 25.6) + 1, 1)
    print "  " line
}'
echo
echo "  (dark is calm, @ is storm; $demo/wind.pgm is the whole picture)"
echo
echo "Now try your own: build/bin/gpuproc --help"
