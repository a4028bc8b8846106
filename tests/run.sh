#!/usr/bin/env bash
# Installs what is missing (Debian 12 or 13, root or sudo), builds, runs every test.
#
#     tests/run.sh            all of it
#     tests/run.sh --quick    without the second build, with sanitizers
#
# GPUPROC_JOBS: how much at once (the number of cores, at most 8).
set -eu
cd "$(dirname "$0")/.."
. tests/packages.sh

quick=
[ "${1-}" = --quick ] && quick=1
cores=$(nproc)
jobs=${GPUPROC_JOBS:-$((cores < 8 ? cores : 8))}

need build-essential cmake ninja-build pkg-config ocl-icd-libopencl1 ocl-icd-opencl-dev opencl-headers \
    pocl-opencl-icd libsleef-dev liburing-dev libcmocka-dev libmd-dev libpopt-dev libjson-c-dev libopenblas0-pthread libclblast1
want oclgrind clang

# A tree that a machine built with other settings keeps them: these folders are ours alone.
configure() { # FOLDER OPTIONS...
    local folder=$1
    shift
    cmake -S . -B "$folder" -G Ninja -DGPUPROC_WERROR=ON "-DGPUPROC_TEST_POCL_CACHE=$PWD/build/tests-run/pocl" \
        "$@" >"$folder.log" 2>&1 || {
        cat "$folder.log"
        exit 1
    }
}

# Three at once: many wait, for a device that is slow on purpose or for a time limit; of more, those that use a device
# and all cores would wait for each other for long.
# Of what passed, a terminal shows each test, a log the sum.
run_tests() { # FOLDER OPTIONS...
    local folder=$1 log=$1.tests.log
    shift
    if [ -t 1 ]; then
        ctest --test-dir "$folder" --output-on-failure -j3 "$@"
    elif ctest --test-dir "$folder" --output-on-failure -j3 "$@" >"$log" 2>&1; then
        sed -n '/tests passed/,$p' "$log"
    else
        grep -vE '^ *Start |  Passed  ' "$log"
        return 1
    fi
}

mkdir -p build/tests-run
release=build/tests-run/release asan=build/tests-run/asan
export GPUPROC_REQUIRE_DEVICE=1

# Real NumPy to compare with: one that is there, else a virtual environment of ours. Where
# neither can be had, the golden files that it wrote serve, and one test is skipped.
has_numpy() { "$1" -c 'import sys, numpy; sys.exit(int(numpy.__version__.split(".")[0]) < 2)' 2>/dev/null; }
python=$PWD/build/tests-run/venv/bin/python
if has_numpy python3; then
    python=$(command -v python3)
elif ! has_numpy "$python"; then
    want python3-venv
    { python3 -m venv build/tests-run/venv && "$python" -m pip install -q --retries 1 --disable-pip-version-check numpy; } \
        >build/tests-run/venv.log 2>&1 || echo "no NumPy 2: the comparison with it is skipped"
fi
has_numpy "$python" || python=$(command -v python3 || true) # CMake wants a full path

echo "== build, warnings are errors"
configure $release -DCMAKE_BUILD_TYPE=Release "-DGPUPROC_PYTHON=$python"
build $release -j "$jobs"
echo "== tests"
run_tests $release

if [ -z "$quick" ]; then
    echo "== build with address and undefined behaviour sanitizers"
    configure $asan -DCMAKE_BUILD_TYPE=RelWithDebInfo -DGPUPROC_SANITIZE=address,undefined \
        -DGPUPROC_BENCH=OFF
    build $asan -j "$jobs"
    echo "== unit tests with sanitizers"
    run_tests $asan -R '^(test_|fuzz_|cli\.)'
fi
echo "== all tests passed"
