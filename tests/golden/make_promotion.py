#!/usr/bin/env python3
"""Writes promotion.txt: numpy.promote_types of every two dtypes.

Usage: make_promotion.py > promotion.txt     (needs numpy)

One line per left dtype: its code, then the result for each right one, in DTYPES' order.
"""
import numpy as np

DTYPES = ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]


def code(dtype):
    return f"{dtype.kind}{dtype.itemsize}"


print(f"# NumPy {np.__version__}")
for left in DTYPES:
    print(left, *(code(np.promote_types(left, right)) for right in DTYPES))
