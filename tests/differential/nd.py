#!/usr/bin/env python3
"""Random n-dimensional programs through gpuproc and through real NumPy: axes, slices, structure,
scans, windows, order statistics, selections, float16 and complex.

    nd.py --gpuproc build/bin/gpuproc [--count N] [--seed S] [--opencl N] [--keep DIR] [--family F] [--refusals]

Program number k of seed S depends on S + k only; a failure prints the line that repeats it. The text
is the same for both sides. Every program runs with a small --memory and --chunk, and again
with other chunks and threads: the bytes must be the same. Dtypes and shapes are always equal; values
are equal where the operation is exact, else within what NumPy's own rounding leaves: sums
and what is made of them are compared with extended precision. What gpuproc refuses though NumPy can do
it is counted, and shown by --refusals; what NumPy refuses must be refused. Inputs are .npy files,
raw files or standard input. Exits 77 without NumPy 2.
"""
import argparse
import json
import math
import os
import pathlib
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy as np
except ImportError:
    sys.exit(77)
if int(np.__version__.split(".")[0]) < 2:
    sys.exit(77)
from nd_compose import Compose
from nd_deep import Deep
np.seterr(all="ignore")
warnings.simplefilter("ignore")

INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
REAL = ["bool"] + INTS + ["float32", "float64", "float32", "float64"]
EVERY = REAL + ["float16", "complex64", "complex128"]


# ---- what is not compared with NumPy's own rounding ------------------------------------------------

def up(x):
    x = np.asanyarray(x)
    return x.astype(np.clongdouble if x.dtype.kind == "c" else np.longdouble) if x.dtype.kind in "fc" else x


def wide(name):
    """The function in extended precision, the dtype from NumPy's own."""
    f = getattr(np, name)

    def apply(a, *args, **kw):
        f = getattr(np, name[3:] if name.startswith("nan") and np.asanyarray(a).dtype.kind in "biu" else name)
        own = np.asanyarray(f(a, *args, **kw))
        dtype = own.dtype
        if dtype.kind not in "fc":
            return f(a, *args, **kw)
        a = np.asanyarray(a)
        if kw.get("dtype") is not None:
            a = a.astype(kw.pop("dtype"))
        b = up(a) if a.dtype.kind in "fc" else a.astype(np.longdouble)
        exact = np.asanyarray(f(b, *args, **kw)).astype(dtype)
        if dtype == np.float16 and name.endswith(("var", "std")):  # a mean that float16 does not hold
            exact = np.where(np.isnan(exact), own, exact)
        return exact[()]
    return apply


def between(name):
    """Between two elements in float64: NumPy takes their difference in their own dtype, where it wraps or rounds."""
    f = getattr(np, name)

    def apply(a, *args, **kw):
        a = np.asanyarray(a)
        dtype = np.asanyarray(f(a, *args, **kw)).dtype
        narrow = a.dtype.kind in "iu" and dtype == np.float64 or a.dtype == np.float16
        return np.asanyarray(f(a.astype("float64") if narrow else a, *args, **kw)).astype(dtype)[()]
    return apply


WIDE = ["sum", "mean", "var", "std", "prod", "cumsum", "cumprod", "nansum", "nanmean", "nanvar", "nanstd", "nanprod",
        "nancumsum", "nancumprod"]
NAMES = {n: getattr(np, n) for n in dir(np) if not n.startswith("_")}
NAMES.update({n: wide(n) for n in WIDE})
NAMES.update({n: between(n) for n in ("quantile", "nanquantile", "percentile", "nanpercentile")})


class Random:
    """Shapes and dtypes of gpuproc's own generators; the numbers are its own."""
    def random(self, size=(), seed=0, dtype="float64"): return np.zeros(size, dtype)
    def uniform(self, low=0, high=1, size=(), seed=0): return np.zeros(size)
    def normal(self, loc=0, scale=1, size=(), seed=0): return np.zeros(size)
    def standard_normal(self, size=(), seed=0, dtype="float64"): return np.zeros(size, dtype)
    def integers(self, low, high=None, size=(), seed=0, endpoint=False, dtype="int64"):
        np.random.default_rng(0).integers(low, high, size, dtype, endpoint)
        return np.zeros(size, dtype)


NAMES["random"] = Random()
NAMES["sliding_window_view"] = np.lib.stride_tricks.sliding_window_view


class Program(Deep, Compose):
    """Statements (name, text, tolerance): 0: the same bits; else a factor on the dtype's epsilon."""

    def __init__(self, seed, family=None):
        self.seed, self.r, self.rng = seed, random.Random(seed), np.random.default_rng(seed)
        self.inputs, self.statements = {}, []
        self.fortran, self.big, self.way = {}, {}, {}
        families = [f for f in dir(self) if f.startswith("family_") and not f.endswith("_deep")]
        self.family = "family_" + self.r.choice(family.split(",")) if family else self.r.choice(families)
        getattr(self, self.family)()
        for name, v in self.inputs.items():
            self.way[name] = self.r.choice(["npy"] * 6 + ["raw"]) if v.size else "npy"
        if self.inputs and self.r.random() < 0.12:
            self.way[self.r.choice(list(self.inputs))] = "pipe"

    # ---- inputs

    def shape(self, low=0, high=5, size=4000, zero=True):
        r = self.r
        n = r.choice([k for k in (0, 1, 1, 2, 2, 2, 3, 3, 4, 5) if low <= k <= high])
        dims = []
        for _ in range(n):
            d = r.choice([1, 2, 3, 4, 5, 7, 8, 13, 17, 64, 65, 100, 257, 1024, 1500])
            if zero and r.random() < 0.03:
                d = 0
            while d > 1 and math.prod(dims) * d > size:
                d = d // 2
            dims.append(d)
        r.shuffle(dims)
        return tuple(dims)

    def array(self, name, shape, dtypes=REAL, nan=0.1, plain=False, dtype=None):
        r, rng = self.r, self.rng
        dtype = np.dtype(dtype or r.choice(dtypes))
        n = math.prod(shape)
        if dtype.kind == "b":
            v = rng.integers(0, 2, n).astype(bool)
        elif dtype.kind in "iu":
            i = np.iinfo(dtype)
            v = rng.integers(max(i.min, -20), min(i.max, 20), n).astype(dtype)
            if not plain and r.random() < 0.3:
                v = np.frombuffer(rng.bytes(n * dtype.itemsize), dtype).copy()
        else:
            v = rng.normal(size=n)
            if r.random() < 0.4:
                v = np.round(v * 4)
            if dtype.kind == "c":
                v = v + 1j * np.round(rng.normal(size=n) * 3)
            v = v.astype(dtype)
            if n and dtype.kind == "f" and r.random() < nan:
                v[rng.integers(0, n, max(1, n // 9))] = np.nan
            if n and not plain and dtype.kind == "f" and r.random() < 0.1:
                v[rng.integers(0, n, max(1, n // 20))] = r.choice([np.inf, -np.inf, -0.0])
        v = v.reshape(shape)
        self.inputs[name] = v
        self.fortran[name] = v.ndim > 1 and r.random() < 0.25
        self.big[name] = r.random() < 0.1
        return v

    def say(self, name, text, tolerance=0):
        self.statements.append((name, text, tolerance))

    # ---- pieces of text

    def index(self, shape):
        r, parts = self.r, []
        dims = list(shape)
        keep = r.randint(0, len(dims))
        for d in dims[:keep]:
            way = r.random()
            if way < 0.2 and d > 0:
                parts.append(str(r.randint(-d, d - 1)))
            elif way < 0.9:
                lim = lambda: r.choice(["", str(r.randint(-d - 2, d + 2))])
                step = r.choice(["", "", ":", ":2", ":3", ":-1", ":-2", ":1", ":100"])
                parts.append(f"{lim()}:{lim()}{step}")
            else:
                parts.append(":")
        if r.random() < 0.3:
            parts.insert(r.randint(0, len(parts)), r.choice(["None", "newaxis"]))
        if r.random() < 0.3:
            parts.append("...")
            if keep < len(dims) and r.random() < 0.5:
                parts.append("::2")
        return ", ".join(parts) if parts else "..."

    def axis(self, ndim, several=True):
        r = self.r
        if ndim == 0 or r.random() < 0.15:
            return None
        if several and ndim > 1 and r.random() < 0.35:
            k = r.sample(range(ndim), r.randint(1, ndim))
            return tuple(a - ndim if r.random() < 0.3 else a for a in k)
        a = r.randrange(ndim)
        return a - ndim if r.random() < 0.4 else a

    def light(self, name, value):
        """An exact element-wise expression of one input."""
        r, k = self.r, value.dtype.kind
        if k in "iu":
            return r.choice([name, f"({name} + 1)", f"({name} * 3)", f"({name} - {name})", f"(-{name})"])
        if k == "f":
            return r.choice([name, f"({name} * 2)", f"abs({name})", f"maximum({name}, 0)", f"({name} + 0.5)", f"sqrt(abs({name}))"])
        if k == "b":
            return r.choice([name, f"(~{name})"])
        return r.choice([name, f"(-{name})", f"conj({name})"])

    def value(self, text):
        return eval(text, NAMES, dict(self.inputs))

    # ---- families

    def family_index(self):
        x = self.array("x", self.shape(1), EVERY)
        e = self.light("x", x)
        self.say("a", f"{e}[{self.index(x.shape)}]")
        if self.r.random() < 0.5:
            text = f"x[{self.index(x.shape)}]"
            v = self.value(text)
            if v.ndim:
                self.say("b", f"{text}[{self.index(v.shape)}]")

    def family_stencil(self):
        x = self.array("x", self.shape(1, 3, zero=False), ["float32", "float64", "int32", "int16"])
        n = x.shape[0]
        if n >= 3:
            self.say("a", "x[2:] - 2*x[1:-1] + x[:-2]")
            self.say("b", "x[1:] - x[:-1]")
        self.say("c", f"diff(x, n={self.r.choice([1, 1, 2])}, axis={self.r.randrange(-x.ndim, x.ndim)})")
        if self.r.random() < 0.5:
            self.say("d", f"x[::-1] + x")

    def family_structure(self):
        r = self.r
        x = self.array("x", self.shape(0), EVERY)
        e, n = self.light("x", x), x.ndim
        ways = [f"{e}.T", f"ravel({e})", f"{e}.reshape(-1)", f"squeeze({e})", f"expand_dims({e}, 0)", f"flip({e})"]
        if n:
            a = r.randrange(n)
            ways += [f"expand_dims({e}, -1)", f"flip({e}, {a})", f"roll({e}, {r.randint(-5, 5)})",
                     f"roll({e}, {r.randint(-5, 5)}, axis={a})", f"swapaxes({e}, 0, {a})", f"moveaxis({e}, {a}, 0)",
                     f"concatenate(({e}, x[::2]), axis=0)" if n else e, f"stack([{e}, x], axis={r.randrange(n + 1)})",
                     f"transpose({e}, {tuple(r.sample(range(n), n))})", f"tile({e}, {r.randint(1, 3)})",
                     f"repeat({e}, {r.randint(1, 3)}, axis={a})"]
            mode = r.choice(["constant", "edge", "reflect", "symmetric", "wrap"])
            if x.dtype.kind != "c" and min(x.shape) > 3:
                ways.append(f"pad({e}, {r.randint(0, 3)}, mode='{mode}')")
            if x.dtype.kind != "c" and n == 2:
                ways += [f"triu({e}, {r.randint(-2, 2)})", f"tril({e})"]
        if x.size and n < 4:
            f = [d for d in (2, 3, 4, 5, 8) if x.size % d == 0]
            if f:
                d = r.choice(f)
                ways += [f"reshape({e}, ({d}, -1))", f"{e}.reshape(-1, {d})", f"reshape({e}.T, ({d}, -1))"]
        self.say("a", r.choice(ways))
        self.say("b", f"({r.choice(ways)}).astype('float64')" if x.dtype.kind != "c" else r.choice(ways))

    def family_broadcast(self):
        s = self.shape(1, 4)
        other = tuple(1 if self.r.random() < 0.4 else d for d in s)[self.r.randint(0, len(s) - 1):]
        x, y = self.array("x", s), self.array("y", other)
        if x.dtype.kind == "b" or y.dtype.kind == "b":
            self.say("a", "x & (y != 0)" if x.dtype.kind == "b" else "(x > 0) | (y != 0)")
        else:
            self.say("a", self.r.choice(["x + y", "x * y", "maximum(y, x)", "where(x > 0, x, y)"]))
        self.say("b", f"broadcast_to(y, {s})")
        if self.r.random() < 0.5:
            self.say("c", "x[..., None] == y.ravel()[:3]" if y.size >= 3 and x.size < 5000 else "x == x")

    def family_reduce(self):
        r = self.r
        x = self.array("x", self.shape(0))
        e = self.light("x", x)
        for name in "abc"[:r.choice([1, 2, 3])]:
            f = r.choice(["sum", "mean", "min", "max", "prod", "var", "std", "any", "all", "count_nonzero", "ptp"])
            axis = self.axis(x.ndim)
            kw = [] if axis is None and r.random() < 0.5 else [f"axis={axis}"]
            if r.random() < 0.3:
                kw.append("keepdims=True")
            if f in ("var", "std") and r.random() < 0.4:
                kw.append("ddof=1")
            if f in ("var", "std", "ptp") and x.dtype.kind == "b" and f == "ptp":
                f = "max"
            if f in ("sum", "min", "max", "prod") and r.random() < 0.15 and x.dtype.kind in "f":
                kw.append(r.choice(["initial=2"] if f != "min" else ["initial=-1.5"]))
            if f in ("sum", "prod", "any", "all", "mean") and r.random() < 0.15:
                kw.append("where=x > 0" if x.dtype.kind != "b" else "where=x")
            if f == "sum" and r.random() < 0.2:
                kw.append(f"dtype='{r.choice(['float64', 'float32', 'int64'])}'" if x.dtype.kind in "biu" else "dtype='float64'")
            text = f"{f}({', '.join([e] + kw)})"
            self.say(name, text, {"sum": 2, "mean": 3, "var": 100, "std": 100, "prod": 100}.get(f, 0))
        if x.ndim and x.size and r.random() < 0.5:
            a = r.randrange(x.ndim)
            self.say("d", f"{r.choice(['argmin', 'argmax'])}({e}, axis={a})")
            if x.dtype.kind == "f":
                self.say("e", f"x - max(x, axis={a}, keepdims=True)")

    def family_nan(self):
        r = self.r
        x = self.array("x", self.shape(1), ["float32", "float64"], nan=0.9)
        f = r.choice(["nansum", "nanmean", "nanmin", "nanmax", "nanvar", "nanstd", "nanprod"])
        self.say("a", f"{f}(x, axis={self.axis(x.ndim)})", {"nansum": 2, "nanmean": 4, "nanvar": 200, "nanstd": 200, "nanprod": 100}.get(f, 0))
        a = r.randrange(x.ndim)
        if x.size and not np.isnan(x).all(axis=a).any():
            self.say("b", f"{r.choice(['nanargmin', 'nanargmax'])}(x, axis={a})")
        self.say("c", f"nancumsum(x, axis={a})", 50)

    def family_scan(self):
        r = self.r
        x = self.array("x", self.shape(1))
        e = self.light("x", x)
        axis = self.axis(x.ndim, several=False)
        f = r.choice(["cumsum", "cumprod", "maximum.accumulate", "minimum.accumulate"])
        if "acc" in f:
            self.say("a", f"{f}({e}, axis={0 if axis is None else axis})")
        else:
            kw = "" if axis is None else f", axis={axis}"
            self.say("a", f"{f}({e}{kw})", 50 if f == "cumsum" else 300)
        if r.random() < 0.4 and x.dtype.kind in "iu":
            self.say("b", f"cumsum(x, axis=0)[::-1]")

    def family_window(self):
        r = self.r
        x = self.array("x", self.shape(1, 3, zero=False), ["float32", "float64", "int32", "uint8"])
        a = r.randrange(x.ndim)
        w = r.choice([1, 2, 3, 5, x.shape[a]])
        if w <= x.shape[a]:
            f = r.choice(["sum", "mean", "min", "max"])
            self.say("a", f"{f}(sliding_window_view({self.light('x', x)}, {w}, axis={a}), axis=-1)", {"sum": 4, "mean": 4}.get(f, 0))
            if w < 4:
                self.say("b", f"sliding_window_view(x, {w}, axis={a})")

    def family_quantile(self):
        r = self.r
        x = self.array("x", self.shape(1, 3, zero=False), REAL[1:], plain=True)
        axis = self.axis(x.ndim)
        f = r.choice(["median", "median", "quantile", "percentile", "nanmedian", "nanquantile"])
        q = "" if "median" in f else ", " + str(r.choice([0.5, 0.25, 0, 1, 0.9, [0.1, 0.5, 0.75]]))
        if f == "percentile":
            q = ", " + str(r.choice([50, 25, 99.5, [10, 90]]))
        kw = "" if axis is None else f", axis={axis}"
        if r.random() < 0.2:
            kw += ", keepdims=True"
        if q and r.random() < 0.3:
            kw += f", method='{r.choice(['linear', 'lower', 'higher', 'nearest', 'midpoint', 'hazen', 'weibull'])}'"
        self.say("a", f"{f}({self.light('x', x)}{q}{kw})", 4)

    def family_statistics(self):
        r = self.r
        x = self.array("x", self.shape(1, 1, zero=False), ["float32", "float64", "int32"], nan=0, plain=True)
        w = self.array("w", x.shape, dtype="float64", nan=0, plain=True)
        self.inputs["w"] = w = np.abs(w) + 0.5
        self.say("a", "average(x, weights=w)", 64)
        if x.size > 2:
            self.say("b", "cov(x, w)", 1000)
            self.say("c", "linalg.norm(x)", 8)
        if x.size:
            bins = r.choice([1, 5, 10, 37])
            self.say("d", f"histogram(x, {bins})[0]")
            self.say("e", f"histogram(x, bins=[-5, -1, 0, 0.5, 3, 9])[0]")
            self.say("g", f"histogram(x, {bins}, (-2, 3))[1]", 2)

    def family_select(self):
        x = self.array("x", self.shape(1), EVERY[:-2] + ["complex64"])
        y = self.array("y", x.shape, ["float64"])
        e = self.light("x", x)
        self.say("a", f"{e}[y > 0]")
        if x.dtype.kind in "iuf":
            self.say("b", "sum(x[y > 0])", 2)
            self.say("c", "x[y > 0] * 2")
        self.say("d", "flatnonzero(y > 0.5)")
        if x.ndim > 1:
            self.say("e", "x[y[(slice(None),) + (0,) * (y.ndim - 1)] > 0]" if False else "y[x[..., 0] == x[..., 0]]" if False else "count_nonzero(y > 0, axis=0)")

    def family_take(self):
        r = self.r
        x = self.array("x", self.shape(1, 3, zero=False))
        a = r.randrange(x.ndim)
        n = x.shape[a]
        ix = [r.randint(-n, n - 1) for _ in range(r.randint(1, 5))]
        self.say("a", f"take(x, {ix}, axis={a})")
        self.say("b", f"x[{[i for i in ix if -x.shape[0] <= i < x.shape[0]] or [0]}]")
        y = self.array("y", (50,), ["float64"], nan=0)
        self.say("c", f"searchsorted([-1.5, 0, 0.25, 2], y, side='{r.choice(['left', 'right'])}')")
        self.say("d", "digitize(y, [-1, 0, 1])")
        self.say("e", f"isin({'x'}, [0, 1, 3])")

    def family_float16(self):
        x = self.array("x", self.shape(1, 3), dtype="float16")
        y = self.array("y", x.shape, ["float16", "int8", "float16"])
        for name, t in zip("abcd", self.r.sample(["x + y", "x * y", "x / 3", "-x", "sqrt(abs(x))", "x > y", "x.astype('float32') * 2",
                                                  "maximum(x, y)", "where(x > 0, x, 1)", "x.astype('int32')", "floor(x)", "x * 1.5 + 2"], 4)):
            if "int32" in t and not np.isfinite(x.astype(float)).all():
                continue
            self.say(name, t)
        self.say("e", f"sum(x, axis={self.axis(x.ndim)})", 2)
        self.say("f", "max(x)" if x.size else "sum(x)", 2)

    def family_complex(self):
        r = self.r
        x = self.array("x", self.shape(1, 3), dtype=r.choice(["complex64", "complex128"]))
        y = self.array("y", x.shape, [x.dtype.name, "float32", "int16"], nan=0, plain=True)
        for name, t in zip("abcd", r.sample(["x + y", "x * y", "x - 2j", "x * (1+2j)", "conj(x)", "x.real", "x.imag * 2", "x == y", "-x"], 4)):
            self.say(name, t, 4 if t == "x * y" else 0)  # NumPy's loops round once where they have FMA
        for name, t in zip("efg", r.sample(["abs(x)", "angle(x)", "exp(x)", "sqrt(x)", "x / (y + 0.5j)", "sin(x)", "log(x + 0.5)"], 3)):
            self.say(name, t, 40)
        self.say("h", f"sum(x, axis={self.axis(x.ndim)})", 4)
        self.say("i", f"mean(x, axis={self.axis(x.ndim)})" if x.size else "sum(x)", 4)

    def family_generate(self):
        r = self.r
        x = self.array("x", (r.choice([1, 5, 100, 1025]),), ["float64", "float32", "int32"])
        n = x.shape[0]
        self.say("a", f"x + arange({n})")
        self.say("b", f"linspace(0, {r.choice([1, 5, 0.1])}, {n}) * 2", 4)
        self.say("c", f"arange({r.randint(-5, 5)}, {r.randint(6, 50)}, {r.choice([1, 2, 0.5, 0.1])})", 4)
        self.say("d", f"zeros(({n}, 3)) + x[:, None]")
        self.say("e", f"full(({n},), 7) + ones({n}, dtype='int32')")
        self.say("f", f"eye({r.randint(1, 40)}, k={r.randint(-2, 2)})")


# ---- comparing -------------------------------------------------------------------------------

def scale_of(program):
    return max([float(np.nanmax(np.abs(np.where(np.isfinite(v.astype(np.clongdouble)), v.astype(np.clongdouble), 0)), initial=1)) for v in program.inputs.values()] + [1.0])


def different(got, want, tolerance, scale, count, size=None):
    want = np.asanyarray(want)
    if got.dtype != want.dtype:
        return f"dtype {got.dtype}, not {want.dtype}"
    if got.shape != want.shape:
        return f"shape {got.shape}, not {want.shape}"
    if got.size == 0 or tolerance is None:
        return None
    if got.dtype.kind == "c":
        size = np.abs(want.astype(np.clongdouble))
        parts = [different(p, w, tolerance, scale, count, size) for p, w in ((got.real, want.real), (got.imag, want.imag))]
        return parts[0] or parts[1]
    same = (got == want) | ((got != got) & (want != want))
    if tolerance and got.dtype.kind == "f":
        eps = float(np.finfo(got.dtype).eps)
        size = np.abs(want.astype(np.longdouble)) if size is None else size
        noise = 2.0 ** -52 * scale * max(count, 1) * (tolerance if tolerance > 4 else 1)
        if tolerance > 4:
            noise += eps * scale * tolerance
        near = np.abs(got.astype(np.longdouble) - want.astype(np.longdouble)) <= tolerance * eps * size + noise
        same = same | near
        if tolerance > 4:
            same = same | (size > np.finfo(got.dtype).max / 2)
    if same.all():
        return None
    k = int(np.argmin(same.ravel()))
    return f"element {k}: {got.ravel()[k]!r}, not {want.ravel()[k]!r} ({(~same).sum()} of {same.size} differ)"


def same_but_for_nan(one, other):
    """Of two NaN, a sum has the sign of its first operand, and compilers exchange operands: nanmean of complex infinities is
    such a sum, x * n + y * 0. Within one instruction set the bytes are compared as they are."""
    def plain(path):
        v = np.load(path)
        parts = v.reshape(-1).view(v.real.dtype).copy()
        parts[parts != parts] = np.nan
        return v.dtype, v.shape, parts.tobytes()
    return plain(one) == plain(other)


def run(argv, seconds=600, stdin=None, isa=None):
    env = dict(os.environ, GPUPROC_ISA=isa) if isa else None
    with open(stdin or os.devnull, "rb") as file:
        return subprocess.run(argv, capture_output=True, text=True, timeout=seconds, stdin=file, env=env)


def save(program, folder):
    """The inputs' files: the words that name them, and what stands on standard input."""
    words, stdin = [], None
    for name, v in program.inputs.items():
        a = v.astype(v.dtype.newbyteorder(">")) if program.big[name] else v
        path, order = folder / f"{name}.npy", "F" if program.fortran[name] else "C"
        if program.way[name] == "raw":
            path.write_bytes(b"some bytes" + a.tobytes(order))
            words.append(f"{name}={path},dtype={a.dtype.str if a.dtype.str[0] != '|' else a.dtype.name},offset=10,order={order},"
                         f"shape={'x'.join(map(str, v.shape)) if v.ndim else '()'}")
            continue
        np.save(path, np.asfortranarray(a) if program.fortran[name] else a)
        words.append(f"{name}={path}")
        if program.way[name] == "pipe":
            stdin, words[-1] = path, f"{name}=-"
    return words, stdin


def shape_of(message):
    """A refusal without what differs from program to program."""
    line = next((l for l in message.splitlines() if "error:" in l), message.strip()[-200:])
    return re.sub(r"'[^']*'", "'_'", re.sub(r"-?\d+", "N", line.split("error:")[-1].strip()))


def keep_accepted(program, text, wanted, argv_of, stdin, refused):
    """The statements that gpuproc accepts, tried one after the other; the others are counted."""
    kept, wrong = [], []
    for name, t in text:
        argv = argv_of([*kept, (name, t)], [*(k for k, _ in kept), name])
        done = run(argv, stdin=stdin)
        if done.returncode == 0:
            kept.append((name, t))
            continue
        del wanted[name]
        if done.returncode not in (1, 2) or "internal" in done.stderr:
            wrong.append((f"{t}: exit {done.returncode}: {done.stderr.strip()[-300:]}", argv))
        elif "unknown name" not in done.stderr:
            count = refused.setdefault(shape_of(done.stderr), [0, t, program.seed])
            count[0] += 1
            if len(t) < len(count[1]):
                count[1:] = [t, program.seed]
    return kept, wrong


def check(program, options, folder, devices, refused):
    r = random.Random(program.seed + 1)
    words, stdin = save(program, folder)
    wrong, text, wanted = [], [], {}

    def argv_of(statements, names, setting=(), tag="o"):
        outs = [w for name in names for w in ("-o", f"{name}={folder}/{tag}_{name}.npy")]
        return [options.gpuproc, "eval", "-q", "-f", *setting, *outs, "--", "; ".join(f"{n} = {t}" for n, t in statements), *words]

    for name, t, tolerance in program.statements:
        try:
            wanted[name] = np.asanyarray(eval(t, NAMES, {**program.inputs, **wanted}))
            if wanted[name].dtype.kind not in "biufc":
                raise TypeError("not an array of numbers")
            text.append((name, t))
        except Exception as error:  # NumPy refuses: gpuproc must, too
            wanted.pop(name, None)
            if "cannot reshape array of size 0" in str(error):
                continue  # a median of nothing along axes that are there: an array without elements
            used = [s for s in text if re.search(rf"\b{s[0]}\b", t)]
            argv = argv_of([*used, (name, t)], [*(k for k, _ in used), name])
            done = run(argv, stdin=stdin)
            if done.returncode not in (1, 2) or "internal" in done.stderr:
                wrong.append((f"{t}: exit {done.returncode}, but NumPy refuses: {error} {done.stderr.strip()[-300:]}", argv))
            elif options.refusals:
                line = shape_of(done.stderr)
                options.right.setdefault(line, [0, t, program.seed, error, done.stderr])[0] += 1
    small = ["--memory", r.choice(["3M", "4M", "8M"])]
    settings = [("cpu", ["--device", "cpu", *small, "--chunk", r.choice(["1K", "4K", "10K"])]),
                ("cpu1", ["--device", "cpu", "--threads", "1"]),
                ("cpu2", ["--device", "cpu", "--chunk", r.choice(["8K", "64K"]), "--slots", r.choice(["1", "3"])])]
    settings += [(f"cl{d}", ["--device", str(d), "--chunk", "16K"]) for d in devices]
    isa_of = {"cpu1": r.choice(["base", "avx2", None]), "cpu2": r.choice(["base", "avx2", None])}
    scale, count = scale_of(program), max([v.size for v in program.inputs.values()] + [1])
    first = {}
    for tag, setting in settings:
        if not wanted:
            break
        argv = argv_of(text, wanted, setting, tag)
        isa = isa_of.get(tag)
        done = run(argv, stdin=stdin, isa=isa)
        if done.returncode in (1, 2) and tag == "cpu" and "internal" not in done.stderr:
            text, wrong = keep_accepted(program, text, wanted, lambda s, n: argv_of(s, n, setting, tag), stdin, refused)
            if wrong or not wanted:
                break
            argv = argv_of(text, wanted, setting, tag)
            done = run(argv, stdin=stdin)
        if done.returncode != 0:
            wrong.append((f"exit {done.returncode}: {done.stderr.strip()[-300:]}", argv))
            break
        for name, t, tolerance in program.statements:
            if name not in wanted:
                continue
            path = folder / f"{tag}_{name}.npy"
            if tag in ("cpu1", "cpu2"):
                if isa and not program.family.endswith("_deep"):
                    continue  # the other families have elementary functions everywhere
                if isa and tolerance in (1.01, 60, 400):
                    continue  # elementary functions differ between instruction sets in the last bits
                if path.read_bytes() != first[name] and not (isa and same_but_for_nan(path, folder / f"cpu_{name}.npy")):
                    wrong.append((f"{name} = {t}: other bytes than with {' '.join(settings[0][1])}", argv))
                continue
            if tag == "cpu":
                first[name] = path.read_bytes()
            elif tolerance is None and np.load(path).dtype.kind != "f" and path.read_bytes() != first[name]:
                wrong.append((f"[{tag}] {name} = {t}: other bytes than on the CPU", argv))
            want = np.load(folder / f"cpu_{name}.npy") if tolerance is None and tag != "cpu" else wanted[name]
            problem = different(np.load(path), want, tolerance if tag == "cpu" or tolerance is not None else 1, scale, count)
            if problem:
                wrong.append((f"[{tag}] {name} = {t}: {problem}", argv))
        if wrong:
            break
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gpuproc", default="build/bin/gpuproc")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--family")
    parser.add_argument("--opencl", type=int, default=0, metavar="N", help="every N-th program on devices too")
    parser.add_argument("--keep", metavar="DIR", help="keep the files of failures here")
    parser.add_argument("--refusals", action="store_true", help="show what is refused though NumPy does it")
    options = parser.parse_args()
    options.right = {}
    devices = []
    if options.opencl:
        listed = json.loads(run([options.gpuproc, "devices", "--json"]).stdout)["devices"]
        devices = [d["index"] for d in listed if d["kind"].startswith("opencl") and not d["note"] and d["fp64"]]
        if not devices and os.environ.get("GPUPROC_REQUIRE_DEVICE") == "1":
            sys.exit("no OpenCL device")
    failures, statements, families, refused = 0, 0, {}, {}
    for seed in range(options.seed, options.seed + options.count):
        program = Program(seed, options.family)
        statements += len(program.statements)
        with tempfile.TemporaryDirectory(prefix="gpuproc-nd-") as name:
            folder = pathlib.Path(name)
            use = devices if options.opencl and seed % options.opencl == 0 else []
            wrong = check(program, options, folder, use, refused)
            if wrong and options.keep:
                shutil.copytree(folder, pathlib.Path(options.keep) / str(seed), dirs_exist_ok=True)
            for problem, argv in wrong:
                failures += 1
                families[program.family] = families.get(program.family, 0) + 1
                inputs = ", ".join(f"{n}: {v.dtype}{list(v.shape)}{' F' if program.fortran[n] else ''}"
                                   f"{' big' if program.big[n] else ''}{'' if program.way[n] == 'npy' else ' ' + program.way[n]}" for n, v in program.inputs.items())
                again = f"--seed {seed} --count 1" + (f" --family {options.family}" if options.family else "") + (" --opencl 1" if use else "")
                place = str(pathlib.Path(options.keep) / str(seed)) if options.keep else name
                print(f"FAIL {again}\n  {problem}\n  {inputs}\n  {shlex.join(argv).replace(name, place)}", flush=True)
    for line, (count, t, seed) in sorted(refused.items(), key=lambda i: -i[1][0]) if options.refusals else []:
        print(f"refused {count}: {line}\n    {t}  (seed {seed})")
    for line, (count, t, seed, error, whole) in sorted(options.right.items()):
        print(f"as NumPy {count}: {t}  (seed {seed}): NumPy: {error}\n{whole.rstrip()}")
    print(f"{options.count} programs, {statements} statements, devices {devices}: {failures} failures {families or ''}, "
          f"{sum(c[0] for c in refused.values())} statements refused")
    sys.exit(1 if failures else 0)


main()
