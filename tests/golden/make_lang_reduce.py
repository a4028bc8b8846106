#!/usr/bin/env python3
"""Writes lang_reduce.txt: the dtypes and shapes that real NumPy gives each reduction, statistic, order
statistic and scan.

Usage: make_lang_reduce.py > lang_reduce.txt     (needs numpy)

One line per expression and shape of x:

    x's shape | expression | results for each dtype of x, in DTYPES' order

A result is dtype:shape, several joined by '+', or 'E' where NumPy raises. '?' in a shape: known only
from the data. y has x's dtype and shape, w is float32 of x's shape, m is bool of x's shape.
"""
import warnings

import numpy as np

warnings.simplefilter("ignore")
np.seterr(all="ignore")

DTYPES = ["b1", "i1", "i4", "i8", "u1", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]
SHAPES = [(5,), (3, 4), (2, 3, 4), (0, 3), (1,), ()]

PLAIN = "sum prod mean var std min max any all argmin argmax ptp count_nonzero nansum nanprod nanmean nanvar nanstd nanmin nanmax nanargmin nanargmax".split()
WHERE = "sum mean var std any all nansum nanmean nanvar".split()
INITIAL = "sum prod min max nansum nanprod nanmin nanmax".split()
METHODS = "sum prod mean var std min max any all argmin argmax".split()
DTYPE_NAMES = ["bool", "int16", "int64", "uint8", "float16", "float32", "float64", "complex64", "complex128"]
QMETHODS = "linear lower higher midpoint nearest inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen weibull median_unbiased normal_unbiased".split()


def along(f, extra=""):
    for axis in ("None", "0", "-1", "1", "5"):
        yield f"{f}(x{extra},axis={axis})"
        yield f"{f}(x{extra},axis={axis},keepdims=True)"
    for axis in ("(0,)", "(0,1)", "(-1,0)", "()", "(0,0)"):
        yield f"{f}(x{extra},axis={axis})"
    yield f"{f}(x{extra},axis=(0,-1),keepdims=True)"
    yield f"{f}(x{extra},axis=(),keepdims=True)"


def expressions():
    for f in PLAIN:
        yield f"{f}(x)"
        yield f"{f}(x,keepdims=True)"
        yield from along(f)
    for f in METHODS:
        yield f"x.{f}()"
        yield f"x.{f}(0)"
        yield f"x.{f}(axis=-1,keepdims=True)"
    for f in WHERE:
        yield f"{f}(x,where=m)"
        yield f"{f}(x,axis=0,where=m,keepdims=True)"
        yield f"{f}(x,axis=-1,where=m[:1])"
    for f in "min max nanmin nanmax".split():
        yield f"{f}(x,where=m)"
        yield f"{f}(x,where=m,initial=1)"
        yield f"{f}(x,axis=0,where=m,initial=1)"
    for f in INITIAL:
        for value in ("2", "1.5", "300"):
            yield f"{f}(x,initial={value})"
            yield f"{f}(x,axis=0,initial={value})"
    for f in "sum prod mean var std nansum nanmean".split():
        for dtype in DTYPE_NAMES:
            if f in ("var", "std") and dtype[:3] in ("boo", "int", "uin"):
                continue
            yield f"{f}(x,dtype={dtype})"
            yield f"{f}(x,axis=0,dtype={dtype})"
    for f in ("var", "std", "nanstd"):
        yield f"{f}(x,ddof=1)"
        yield f"{f}(x,axis=-1,ddof=1,keepdims=True)"
        yield f"{f}(x,correction=1)"
    for f in ("median", "nanmedian"):
        yield f"{f}(x)"
        yield from along(f)
    for f in ("quantile", "nanquantile"):
        yield from along(f, ",0.5")
        yield from along(f, ",[0.25,0.5]")
        for q in ("1", "0", "[0,1]", "[0.5]", "(0.1,0.2,0.3)", "1.5", "-0.1", "True", "[]", "[[0.25,0.5]]", "[[0,1],[1,0]]", "[[0.1],[0.2,0.3]]", "[[[0.5]]]"):
            yield f"{f}(x,{q})"
            yield f"{f}(x,{q},axis=-1,keepdims=True)"
        for method in QMETHODS:
            yield f"{f}(x,0.5,method='{method}')"
            yield f"{f}(x,[0.5],axis=0,method='{method}')"
        yield f"{f}(x,0.5,method='none')"
    for f in ("percentile", "nanpercentile"):
        for q in ("50", "[0,50]", "50.5", "101", "[50.5]"):
            yield f"{f}(x,{q})"
            yield f"{f}(x,{q},axis=0,keepdims=True)"
    for f in "cumsum cumprod nancumsum nancumprod add.accumulate multiply.accumulate maximum.accumulate minimum.accumulate cumulative_sum cumulative_prod".split():
        yield f"{f}(x)"
        for axis in ("0", "1", "-1", "7"):
            yield f"{f}(x,axis={axis})"
        for dtype in ("int64", "float32", "uint8"):
            yield f"{f}(x,axis=0,dtype={dtype})"
    yield "x.cumsum()"
    yield "x.cumprod(0)"
    yield "cumulative_sum(x,axis=0,include_initial=True)"
    yield "cumulative_prod(x,axis=-1,include_initial=True)"
    for text in ("diff(x)", "diff(x,2)", "diff(x,n=0)", "diff(x,n=9)", "diff(x,-1)", "diff(x,axis=0)", "diff(x,2,0)", "diff(x,axis=4)", "ediff1d(x)",
                 "diff(x,prepend=0)", "diff(x,axis=0,append=1.5)", "trapezoid(x)", "trapezoid(x,axis=0)", "trapezoid(x,dx=2)", "trapezoid(x,y)",
                 "gradient(x)", "gradient(x,2.0)", "gradient(x,axis=0)", "gradient(x,axis=-1,edge_order=2)",
                 "average(x)", "average(x,axis=0)", "average(x,weights=w)", "average(x,axis=0,weights=w,keepdims=True)",
                 "average(x,axis=-1,returned=True)", "average(x,weights=w,returned=True)", "average(x,axis=0,weights=[1,2,3])",
                 "average(x,axis=1,weights=[1,2,3,4])", "cov(x)", "cov(x,x)", "cov(x,y,rowvar=False)", "cov(x,ddof=0)", "cov(x,bias=True)", "corrcoef(x)",
                 "corrcoef(x,y)", "corrcoef(x,rowvar=False)", "trace(x)", "trace(x,1)", "trace(x,-9)", "x.trace(offset=1)", "trace(x,axis1=1,axis2=0)",
                 "linalg.norm(x)", "linalg.norm(x,keepdims=True)", "linalg.norm(x,axis=0)", "linalg.norm(x,1,axis=-1)", "linalg.norm(x,inf)",
                 "linalg.norm(x,-inf,axis=0)", "linalg.norm(x,0,axis=0,keepdims=True)", "linalg.norm(x,3,axis=0)", "linalg.norm(x,0.5,axis=0)",
                 "linalg.norm(x,'fro')", "linalg.norm(x,1)", "linalg.norm(x,-inf)", "linalg.norm(x,'fro',axis=(0,1))", "linalg.norm(x,1,axis=(1,0),keepdims=True)",
                 "linalg.norm(x,3)", "linalg.norm(x,'foo')", "linalg.vector_norm(x)", "linalg.vector_norm(x,ord=1,axis=(0,1))", "linalg.vector_norm(x,keepdims=True)",
                 "linalg.vector_norm(x,ord=3,axis=(0,-1),keepdims=True)", "linalg.vector_norm(x,ord='fro',axis=(0,1))", "linalg.matrix_norm(x,ord=1)",
                 "histogram(x)", "histogram(x,3)", "histogram(x,bins=4,range=(0,1))", "histogram(x,[0,1,2])", "histogram(x,[0.5,1,2])", "histogram(x,0)",
                 "histogram(x,[2,1])", "histogram(x,3,(2,1))", "histogram(x,3,weights=w)", "histogram(x,3,weights=y)", "histogram(x,3,density=True)",
                 "histogram(x,[0,1,2],weights=w,density=True)", "histogram_bin_edges(x)", "histogram_bin_edges(x,[0,1])",
                 "bincount(x)", "bincount(x,weights=w)", "unique(x)", "unique(x,return_counts=True)", "unique_values(x)", "unique_counts(x)"):
        yield text


def odd(text, shape):
    """Where NumPy has no rule: axes of scalars, which some functions know and others do not; whether it looks at the
    q of a nan* quantile of nothing; medians of nothing; averages whose weights add up to 0, which the data decide."""
    if shape == () and ("axis" in text or "(0)" in text or "norm" in text):
        return True
    return 0 in shape and any(word in text for word in ("quantile(x,0.5,axis=()", "quantile(x,[0.25,0.5],axis=()", "quantile(x,[[[", "quantile(x,[]", "none", "quantile(x,[[0.1],", "median", "average"))


def shape_of(text, value):
    shape = np.asarray(value).shape
    if text.startswith(("bincount", "unique")):
        return "(?,)"
    return str(shape).replace(" ", "")


def code(text, value):
    if isinstance(value, (tuple, list)) and not isinstance(value, np.ndarray):
        return "+".join(code(text, v) for v in value)
    return np.asarray(value).dtype.str[1:] + ":" + shape_of(text, value)


def evaluate(text, scope):
    try:
        return code(text, eval(text, dict(scope))) or "E"
    except Exception:
        return "E"


def main():
    names = {n: getattr(np, n) for n in dir(np) if not n.startswith("_")}
    print(f"# NumPy {np.__version__}")
    print("# " + " ".join(DTYPES))
    seen = set()
    for text in expressions():
        if text in seen:
            continue
        seen.add(text)
        for shape in SHAPES:
            if odd(text, shape):
                continue
            row = []
            for dtype in DTYPES:
                x = (np.arange(np.prod(shape, dtype=int)) % 3).reshape(shape).astype(dtype)
                m = np.ones(shape, bool)
                row.append(evaluate(text, dict(names, x=x, y=x.copy(), w=np.ones(shape, "f4"), m=m)))
            print(f"{str(shape).replace(' ', '')}|{text}|{' '.join(row)}")


if __name__ == "__main__":
    main()
