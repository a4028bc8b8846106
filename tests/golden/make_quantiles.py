#!/usr/bin/env python3
"""Writes tests/golden/quantiles.txt: NumPy's quantiles of small arrays, by every method.

    data NAME f4|f8 : elements
    case METHOD f4|f8 NAME : q's : results

METHOD is "median", or a method of np.quantile; "nan" before it: nanquantile, nanmedian. The dtype is the
result's: an array of q's makes float64 of float32 data, a single q does not; one line has the
results of several single q's. Floats are C hexadecimal. Zeros of both signs do not meet in one array: NumPy
does not say which of them is the smaller.
"""
import os
import re
import warnings

import numpy as np

METHODS = ["linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf", "averaged_inverted_cdf",
           "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased",
           "normal_unbiased"]
QS = [0.0, 1e-9, 0.1, 0.25, 1 / 3, 0.5, 0.6, 0.9, 1 - 2**-53, 1.0]
INF, NAN = np.inf, np.nan


def hexes(values):
    """Hexadecimal without zeros at the end."""
    return " ".join(re.sub(r"\.?0*p", "p", float(v).hex()) for v in np.asarray(values, dtype="f8").ravel())


def main():
    rng = np.random.default_rng(20260307)
    arrays = {}
    for dtype in ("f4", "f8"):
        for n in (1, 2, 3, 4, 7, 10, 31, 101):
            arrays[f"random{n}{dtype}"] = rng.standard_normal(n).astype(dtype)
        top = np.finfo(dtype).max
        arrays["infinite" + dtype] = np.array([INF, 1, -INF, 3, INF, 2, -INF], dtype)
        arrays["large" + dtype] = np.array([top, -top, top / 2, 1, -top], dtype)
        arrays["tiny" + dtype] = np.array([5e-324 if dtype == "f8" else 1e-45, 1e-40, -1e-40, 1e-44, 3e-43], dtype)
        arrays["equal" + dtype] = np.full(9, 0.1, dtype)
        arrays["close" + dtype] = np.nextafter(np.ones(6, dtype), np.array([2, 0] * 3, dtype))
        arrays["minuszero" + dtype] = np.array([-0.0] * 4, dtype)
        arrays["nans" + dtype] = np.array([NAN, 4, 1, NAN, 2, 8, 5], dtype)
        arrays["allnan" + dtype] = np.array([NAN] * 3, dtype)
    here = os.path.dirname(os.path.abspath(__file__))
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    with open(os.path.join(here, "quantiles.txt"), "w") as out:
        print(f"# NumPy {np.__version__}", file=out)
        for name, x in arrays.items():
            print("data", name, x.dtype.str[1:], ":", hexes(x), file=out)
            for nan, quantile, median in (("", np.quantile, np.median), ("nan", np.nanquantile, np.nanmedian)):
                if nan and not np.isnan(x).any():
                    continue
                m = median(x)
                print("case", nan + "median", m.dtype.str[1:], name, ":", hexes([0.5]), ":", hexes(m), file=out)
                for method in METHODS:
                    single = [quantile(x, q, method=method) for q in QS]
                    code = single[0].dtype.str[1:]
                    print("case", nan + method, code, name, ":", hexes(QS), ":", hexes(single), file=out)
                    several = quantile(x, QS, method=method)
                    if several.dtype.str[1:] != code:
                        print("case", nan + method, several.dtype.str[1:], name, ":", hexes(QS), ":",
                              hexes(several), file=out)


main()
