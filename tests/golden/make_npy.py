#!/usr/bin/env python3
"""Writes tests/golden/npy/: small .npy files as real NumPy writes them.

Run it with NumPy 2 and commit what it makes; the tests read the files and never
run this. VERSION names the NumPy that wrote them.
"""
import io
import os
import warnings

import numpy as np
from numpy.lib import format as npy

out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "npy")
os.makedirs(out, exist_ok=True)
warnings.simplefilter("ignore")
index = []


def put(name, array, version=None):
    """One file, and the line of INDEX that says what a reader must find in it."""
    buf = io.BytesIO()
    npy.write_array(buf, array, version=version)
    data = buf.getvalue()
    with open(os.path.join(out, name + ".npy"), "wb") as f:
        f.write(data)
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    big = array.dtype.byteorder == ">"
    shape = "x".join(str(n) for n in array.shape) or "-"
    index.append(f"{name} {array.dtype.newbyteorder('=').name} {'big' if big else 'little'} "
                 f"{'F' if fortran else 'C'} {shape} {len(data) - array.nbytes}")


for code in "b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16".split():
    put(code, np.arange(5).astype(code))
for code in "i2 u4 f4 f8 c16".split():
    put("big_" + code, np.arange(6).reshape(2, 3).astype(">" + code))
put("zero_d", np.array(2.5))
put("empty", np.zeros(0, "f4"))
put("zero_axis", np.zeros((3, 0, 2), "i4"))
put("one", np.zeros((1, 1), "f4"))
put("fortran", np.asfortranarray(np.arange(6, dtype="f4").reshape(2, 3)))
put("fortran_vector", np.asfortranarray(np.arange(6, dtype="f4")))
put("fortran_row", np.asfortranarray(np.arange(6, dtype="f4").reshape(1, 6)))
put("fortran_cube", np.asfortranarray(np.arange(24, dtype="i2").reshape(2, 3, 4)))
put("deep", np.zeros((1,) * 31 + (2,), "u1"))
put("long_axis", np.zeros((123456, 0), "f8"))
put("version_2", np.arange(3, dtype="f8"), (2, 0))
put("version_3", np.arange(3, dtype="f8"), (3, 0))
# Headers whose dict ends just before, at and behind a multiple of 64 bytes.
for axes in range(1, 31):
    for last in 0, 10, 100:
        shape = (0,) + (1,) * (axes - 1) + (last,)
        dict_bytes = len(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}") + 20
        if (10 + dict_bytes + 1) % 64 in (63, 0, 1):
            put(f"pad_{axes:02d}_{last}", np.zeros(shape, "f4"))

refused = {
    "bad_object": np.array([1, "x"], dtype=object),
    "bad_bytes": np.array([b"ab"]),
    "bad_unicode": np.array(["ab"]),
    "bad_structured": np.zeros(2, [("a", "<f4"), ("b", "<i2", (2,))]),
    "bad_void": np.zeros(2, "V7"),
    "bad_datetime": np.zeros(2, "M8[ns]"),
    "bad_timedelta": np.zeros(2, "m8[s]"),
    "bad_longdouble": np.zeros(1, np.longdouble),
    "bad_clongdouble": np.zeros(1, np.clongdouble),
}
for name, array in refused.items():
    with open(os.path.join(out, name + ".npy"), "wb") as f:
        npy.write_array(f, array)

with open(os.path.join(out, "INDEX"), "w") as f:
    f.write("\n".join(index) + "\n")
with open(os.path.join(out, "VERSION"), "w") as f:
    f.write(f"numpy {np.__version__}\n")
