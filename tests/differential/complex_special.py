#!/usr/bin/env python3
"""Functions of complex numbers whose parts are special: zeros of both signs, the smallest and the largest numbers, where
exponentials overflow, infinities, NaN; each part against each other one, beside real NumPy.

    complex_special.py --gpuproc build/bin/gpuproc

Which parts are NaN, infinite or zero, and with which sign, must be as in NumPy; others agree to some units in the last
place of the larger part. Left out: what NumPy's own formula loses (see KNOWN). On the CPU, some also on every OpenCL device
with double precision. Exits 77 without NumPy 2.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    sys.exit(77)
if int(np.__version__.split(".")[0]) < 2:
    sys.exit(77)
np.seterr(all="ignore")

FUNCTIONS = """sqrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh
arctanh reciprocal negative conj abs angle sign isnan isinf isfinite real imag""".split()

ON_DEVICES = "sqrt exp log sin tan arcsin arctanh".split()


def values(dtype):
    f = np.finfo(dtype)
    edge = np.log(f.max) + 0.7  # a sine brings it back below the largest number
    some = [0, f.smallest_subnormal * 3, 1e-10, 0.5, 1, np.pi / 2, 3, 20, 50, edge, 1e10, f.max ** 0.5 * 2, f.max / 2, f.max,
            np.inf]
    one = np.array(some + [-v for v in some] + [np.nan], dtype)
    z = np.empty(one.size ** 2, np.result_type(dtype, np.complex64))
    z.real, z.imag = np.repeat(one, one.size), np.tile(one, one.size)
    return z


# Where NumPy's result is its formula's: log1p(z) is log(1 + z) there, which loses small z, and whose size overflows;
# sign of a number whose size overflows.
KNOWN = {
    "log1p": lambda z, f: (np.abs(z.real) < 1e-3) | (np.maximum(np.abs(z.real), np.abs(z.imag)) >= f.max / 2),
    "sign": lambda z, f: np.maximum(np.abs(z.real), np.abs(z.imag)) >= f.max / 2,
}


def differs(found, expected, size):
    """For one part, `size` being that of the whole number."""
    if expected.dtype == bool:
        return found != expected
    nan = np.isnan(expected)
    wrong = np.isnan(found) != nan
    marked = (expected == 0) | (found == 0) | np.isinf(expected) | np.isinf(found)
    tiny = np.finfo(expected.dtype).tiny
    same_kind = (np.isinf(found) == np.isinf(expected)) & (np.signbit(found) == np.signbit(expected))
    both_small = (np.abs(found) < tiny) & (np.abs(expected) < tiny) & ((found != 0) | (expected != 0))
    wrong |= ~nan & marked & ~same_kind & ~both_small
    finite = np.isfinite(found) & np.isfinite(expected)
    allowed = 64 * np.finfo(expected.dtype).eps * np.where(np.isfinite(size), size, np.abs(expected)) + 8 * tiny * np.finfo(expected.dtype).eps
    return wrong | (finite & (np.abs(found - expected) > allowed))


def parts(v):
    return [v.real, v.imag] if np.iscomplexobj(v) else [v]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gpuproc", default="build/bin/gpuproc")
    options = parser.parse_args()
    listed = json.loads(subprocess.run([options.gpuproc, "devices", "--json"], capture_output=True, check=True).stdout)
    devices = ["cpu"] + [str(d["index"]) for d in listed["devices"]
                         if d["kind"].startswith("opencl") and not d["note"] and d["fp64"]]
    if len(devices) == 1 and os.environ.get("GPUPROC_REQUIRE_DEVICE") == "1":
        sys.exit("no OpenCL device")
    failures = compared = 0
    with tempfile.TemporaryDirectory(prefix="gpuproc-complex-") as name:
        source, result = pathlib.Path(name) / "z.npy", pathlib.Path(name) / "o.npy"
        for dtype in (np.float32, np.float64):
            z = values(dtype)
            np.save(source, z)
            for function in FUNCTIONS:
                expected = getattr(np, function)(z)
                known = KNOWN.get(function, lambda z, f: np.zeros(z.shape, bool))(z, np.finfo(dtype))
                # The parts of which functions are made are the same everywhere; devices show that these are.
                for device in devices if function in ON_DEVICES and dtype == np.float64 else devices[:1]:
                    argv = [options.gpuproc, "eval", f"{function}(z)", f"z={source}", "-o", str(result), "-f", "-q",
                            "--device", device]
                    subprocess.run(argv, check=True)
                    found = np.load(result)
                    assert found.dtype == expected.dtype, (function, found.dtype, expected.dtype)
                    size = np.abs(expected)
                    wrong = np.zeros(z.shape, bool)
                    for f, e in zip(parts(found), parts(expected)):
                        wrong |= differs(f, e, size)
                    wrong &= ~known
                    compared += z.size
                    failures += int(wrong.sum())
                    for i in np.nonzero(wrong)[0][:5]:
                        print(f"{function}({z[i]!r}) on {device}: expected {expected[i]!r}, found {found[i]!r}")
    print(f"{compared} values compared, {failures} wrong")
    sys.exit(failures > 0)


main()
