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
    pocl-opencl-icd libsleef-dev liburing-dev libcmocka-dev libmd-dev libpopt-dev libjson-c-dev
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

# Two at once: tests that use a device and all cores should not wait for each other for long.
# Of what passed, a terminal shows each test, a log the sum.
run_tests() { # FOLDER OPTIONS...
    local folder=$1 log=$1.tests.log
    shift
    if [ -t 1 ]; then
        ctest --test-dir "$folder" --output-on-failure -j2 "$@"
    elif ctest --test-dir "$folder" --output-on-failure -j2 "$@" >"$log" 2>&1; then
        sed -n '/tests passed/,$p' "$log"
    else
        grep -vE '^ *Start |  Passed  ' "$log"
        return 1
    fi
}

mkdir -p build/tests-run
release=build/tests-run/release asan=build/tests-run/asan
export GPUPROC_REQUIRE_DEVICE=1

echo "== build, warnings are errors"
configure $release -DCMAKE_BUILD_TYPE=Release
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
