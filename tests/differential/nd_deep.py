"""More families for nd.py: reductions, scans, windows, order statistics, float16 and complex over larger
arrays, every dtype, extreme values, and every keyword. These also run with other
instruction sets, where the bytes must be the same."""
import math

import numpy as np

INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]
REAL = ["bool"] + INTS + FLOATS
METHODS = ["inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull",
           "linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest"]
COMPLEX_1 = ["exp", "exp2", "log", "log2", "log10", "expm1", "log1p", "sqrt", "square", "reciprocal", "sin", "cos", "tan",
             "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "abs", "angle", "sign",
             "sinc"]
COMPLEX_EXACT = ["conj(x)", "x.real", "x.imag", "real(x)", "imag(x)", "isnan(x)", "isinf(x)", "isfinite(x)", "rint(x)",
                 "x == y", "x != y", "x < y", "x >= y", "maximum(x, y)", "minimum(x, y)", "fmax(x, y)", "fmin(x, y)", "logical_and(x, y)",
                 "logical_not(x)", "where(x == y, x, y)", "where(x.real > 0, x, 1j)", "where(x, y, 0)", "x + y", "x - y", "x - 2j",
                 "1j - x", "x * 2", "+x", "-x", "positive(x)", "nan_to_num(x)", "isclose(x, y)",
                 "isclose(x, x + 1e-9)", "round(x)", "x.astype('complex64')",
                 "x.astype('bool')", "x.astype('float32')", "clip(x, -1-1j, 1+1j)", "x // 2", "x % 2",
                 "floor(x)", "arctan2(x, y)", "x > 1j", "flip(x)", "x.T", "diff(x)", "concatenate((x, y))", "bitwise_and(x, 1)",
                 "greater(x, y)", "less_equal(x, y)", "not_equal(x, y)", "isposinf(x)", "signbit(x)", "heaviside(x, y)", "copysign(x, y)"]
HALF_1 = ["sqrt", "cbrt", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arcsin", "arccos",
          "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh"]
HALF_EXACT = ["x + y", "x - y", "x * y", "x / y", "x // y", "x % y", "fmod(x, y)", "-x", "abs(x)", "x > y", "x == y", "x != y", "maximum(x, y)",
              "minimum(x, y)", "fmax(x, y)", "fmin(x, y)", "where(x > y, x, y)", "floor(x)", "ceil(x)", "trunc(x)", "rint(x)",
              "round(x, 1)", "round(x, -1)", "sign(x)", "square(x)", "reciprocal(x)", "copysign(x, y)", "nextafter(x, y)", "spacing(x)",
              "heaviside(x, y)", "isnan(x)", "isinf(x)", "isfinite(x)", "isposinf(x)", "isneginf(x)", "signbit(x)", "nan_to_num(x)",
              "clip(x, -1, 2)", "clip(x, y, 3)", "x.astype('float32')", "x.astype('float64')", "x.astype('bool')", "x.astype('complex64')",
              "isclose(x, y)", "fabs(x)", "deg2rad(x)", "rad2deg(x)", "x + 1", "x * 3.7", "2 ** x", "x ** 2", "1 / x",
              "logical_xor(x, y)", "x * x + y * y", "x & 1", "x << 1", "float_power(x, 2)",
              "x + 70000", "x * 1e-9", "x > 70000", "x == 1e10", "where(x > 0, x, 70000)", "maximum(x, 1e6)", "full_like(x, 3)"]


class Deep:
    def deep_shape(self, low=1, high=5):
        """Many chunks and blocks, or long reduced axes, or inner sizes beside powers of two."""
        r = self.r
        way = r.random()
        if way < 0.25:  # small
            dims = [r.choice([1, 2, 3, 5, 8]) for _ in range(r.randint(max(low, 1), high))]
        elif way < 0.5:  # a long axis, inner sizes around the machine's own
            dims = [r.choice([700, 5000, 5003, 9000])] + [r.choice([1, 3, 8, 63, 64, 65, 1000]) for _ in range(r.randint(0, min(high, 3) - 1))]
            r.shuffle(dims)
        elif way < 0.9:
            dims = [r.choice([1, 3, 7, 63, 64, 65, 130, 1000]) for _ in range(r.randint(low, high))]
        else:
            dims = [r.choice([0, 1, 3, 64])] + [r.choice([0, 1, 2, 5]) for _ in range(r.randint(low, high) - 1)]
            r.shuffle(dims)
        limit = r.choice([4000, 30000, 200000])
        while math.prod(dims) > limit:
            k = max(range(len(dims)), key=lambda i: dims[i])
            dims[k] = max(1, dims[k] // 3)
        return tuple(dims)

    def deep_array(self, name, shape, dtype, way=None):
        r, rng = self.r, self.rng
        v = self.array(name, shape, dtype=dtype, nan=0.2, plain=r.random() < 0.5)
        dtype = v.dtype
        way = way or r.choice(["", "", "ties", "extremes", "nans"])
        n = v.size
        flat = v.reshape(-1).copy()
        if way == "ties" and dtype.kind in "iufc":
            flat = rng.integers(0, 4, n).astype(dtype)
        elif way == "extremes" and n:
            if dtype.kind in "iu":
                i = np.iinfo(dtype)
                flat = rng.choice(np.array([i.min, i.max, i.max - 1, i.min + 1, 0, 1, i.max // 2], dtype), n)
            elif dtype.kind == "f":
                i = np.finfo(dtype)
                special = np.array([np.inf, -np.inf, -0.0, 0.0, i.tiny, i.smallest_subnormal, np.nan], dtype)
                at = rng.integers(0, n, max(1, n // r.choice([3, 40, 1000])))
                flat[at] = rng.choice(special[:r.choice([1, 2, 6, 7])], len(at))
            elif dtype.kind == "c":
                at = rng.integers(0, n, max(1, n // r.choice([3, 40])))
                parts = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1.0])[:r.choice([1, 3, 6])]
                flat[at] = (rng.choice(parts, len(at)) + 0j).astype(dtype)
                flat.imag[at] = rng.choice(parts, len(at))
        v = flat.reshape(shape)
        if way == "nans" and n and dtype.kind in "fc":
            a = r.randrange(v.ndim)
            ix = [slice(None)] * v.ndim
            for other in range(v.ndim):
                if other != a:
                    ix[other] = r.randrange(v.shape[other])
            v[tuple(ix)] = np.nan
            if r.random() < 0.3:
                v[rng.random(v.shape) < 0.3] = np.nan
        self.inputs[name] = v
        return v

    def put(self, text, tolerance=0):
        self.say(f"v{len(self.statements)}", text, tolerance)

    def mask(self, value):
        if value.dtype.kind == "b":
            return self.r.choice(["x", "~x"])
        if value.dtype.kind == "c":
            return "x.real > 0"
        return self.r.choice(["x > 0", "x != 1", "x < 2", "x > 100", "isfinite(x)"] + (["False"] if self.r.random() < 0.1 else []))

    def reduction(self, e, value, f):
        """The text and tolerance of the reduction f of the expression e, whose dtype is like value's."""
        r, k = self.r, value.dtype.kind
        base = f.removeprefix("nan")
        if k == "c" and base in ("min", "max", "argmin", "argmax"):
            f, base = "sum", "sum"
        axis = self.axis(value.ndim, several=base not in ("argmin", "argmax"))
        kw = [] if axis is None and r.random() < 0.6 else [f"axis={axis}"]
        if r.random() < 0.3:
            kw.append("keepdims=True")
        if base in ("var", "std") and r.random() < 0.5:
            kw.append(r.choice(["ddof=1", "correction=1", "ddof=2", "ddof=0.5", "ddof=5000"]))
        if base in ("sum", "prod", "min", "max") and r.random() < 0.25:
            kw.append("initial=" + r.choice(["2", "0", "-1", "1.5", "inf", "-inf", "100", "300"] if k != "b" else ["1", "0", "True"]))
        if base in ("sum", "prod", "min", "max", "any", "all", "mean", "var", "std") and r.random() < 0.25:
            kw.append(f"where={self.mask(value)}")
        if base in ("sum", "prod", "mean", "var", "std") and r.random() < 0.25:
            names = ["float64", "float32", "float16", "complex128"] if k in "fc" or base in ("mean", "var", "std") else [
                "float64", "float32", "int64", "int8", "uint64", "bool"]
            if k != "c":
                kw.append(f"dtype='{r.choice(names if base != 'prod' or value.size < 300 else names[2:])}'")
        r.shuffle(kw)
        if base == "sum" and any(k.startswith("initial") for k in kw):
            base = "sum and initial"  # which is added to the rounded sum
        return f"{f}({', '.join([e] + kw)})", {"sum": 2, "sum and initial": 8, "mean": 4, "var": 200, "std": 200, "prod": 200}.get(base, 0)

    def family_reduce_deep(self):
        r = self.r
        x = self.deep_array("x", self.deep_shape(), r.choice(REAL))
        e = self.light("x", x)
        fs = ["sum", "mean", "min", "max", "prod", "var", "std", "any", "all", "count_nonzero", "ptp", "argmin", "argmax"]
        for _ in range(r.randint(2, 6)):
            f = r.choice(fs)
            if f == "prod" and x.size > 300 and x.dtype.kind == "f":
                f = "sum"
            if f == "count_nonzero":
                axis = self.axis(x.ndim)
                self.put(f"count_nonzero({e}, axis={axis}{r.choice(['', ', keepdims=True'])})")
                continue
            if f == "ptp":
                self.put(f"ptp({e}, axis={self.axis(x.ndim)}{r.choice(['', ', keepdims=True'])})")
                continue
            self.put(*self.reduction(e, x, f))
        if x.ndim and r.random() < 0.6:
            a, b = r.randrange(x.ndim), r.randrange(max(1, x.ndim - 1))
            f, g = r.choice(["min", "max", "any", "argmax", "argmin"]), r.choice(["max", "min", "sum", "argmin", "cumsum"])
            axis = f"axis={b}" if x.ndim > 1 else ("axis=None" if g != "cumsum" else "")
            self.put(f"{g}({f}(x, axis={a}), {axis})", 50 if g in ("sum", "cumsum") else 0)
        if x.ndim and x.dtype.kind == "f" and x.dtype.itemsize > 2 and r.random() < 0.7 and x.size:
            a = r.randrange(x.ndim)
            k = f"axis={a}, keepdims=True"
            self.put(r.choice([f"exp(x - max(x, {k})) / sum(exp(x - max(x, {k})), {k})", f"x - mean(x, {k})", f"x / (1 + sum(abs(x), {k}))",
                               f"(x - min(x, {k})) / (ptp(x, {k}) + 1)", f"sum((x - mean(x, {k})) ** 2, axis={a})", f"x == max(x, {k})",
                               f"log(sum(exp(x - max(x, {k})), axis={a}))", f"sqrt(mean(square(x), axis={a}))"]), 400)

    def family_nan_deep(self):
        r = self.r
        x = self.deep_array("x", self.deep_shape(), r.choice(FLOATS + FLOATS + REAL), way=r.choice([None, "nans", "nans"]))
        for _ in range(r.randint(2, 6)):
            f = r.choice(["nansum", "nanmean", "nanmin", "nanmax", "nanvar", "nanstd", "nanprod", "nanargmin", "nanargmax"])
            if f == "nanprod" and x.size > 300:
                f = "nansum"
            text, tolerance = self.reduction(self.light("x", x), x, f)
            if f in ("nanmean", "nanvar", "nanstd") and x.dtype == np.float16:
                tolerance = 2000
            self.put(text, tolerance)
        axis = self.axis(x.ndim, several=False)
        kw = "" if axis is None else f", axis={axis}"
        self.put(f"{r.choice(['nancumsum', 'nancumsum', 'nancumprod'] if x.size < 300 else ['nancumsum'])}(x{kw})", 300)
        self.put(f"isnan(x).sum(axis={axis})")
        if x.dtype.kind == "f" and x.ndim:
            self.put(f"nansum(nanmax(x, axis={r.randrange(x.ndim)}))", 50)
            self.put("nan_to_num(x, nan=1.5, posinf=3, neginf=-4)")

    def family_scan_deep(self):
        r = self.r
        x = self.deep_array("x", self.deep_shape(), r.choice(REAL))
        e = self.light("x", x)
        for _ in range(r.randint(2, 4)):
            f = r.choice(["cumsum", "cumsum", "cumprod", "maximum.accumulate", "minimum.accumulate", "add.accumulate", "multiply.accumulate"])
            if x.size > 200 and x.dtype.kind == "f" and f in ("cumprod", "multiply.accumulate"):
                f = "cumsum"
            axis = self.axis(x.ndim, several=False)
            dtypes = ["float64", "float32", "complex128"] + ["int64", "int8", "uint32"] * (x.dtype.kind != "f")  # NumPy leaves those casts open
            dtype = f", dtype='{r.choice(dtypes)}'" if r.random() < 0.25 else ""
            if "." in f:
                e2, dtype = e, dtype if f.startswith("add") and r.random() < 0.3 else ""
                loose = 100 if f[0] in "a" else 300 if f.startswith("multiply") else 0
                if loose and x.dtype == np.float16:
                    continue  # NumPy rounds every step
                self.put(f"{f}({e2}{'' if axis is None else f', axis={axis}'}{dtype})", loose)
            else:
                kw = "" if axis is None else f", axis={axis}"
                self.put(f"{f}({e}{kw}{dtype})", 100 if f == "cumsum" else 300)
        a = r.randrange(x.ndim)
        n = r.choice([0, 1, 2, 3, 4])
        loose = 0
        self.put(f"diff({e}, n={n}, axis={a})", loose)
        if r.random() < 0.3:
            self.put(f"diff(x, axis={a}, {r.choice(['prepend', 'append'])}={r.choice([0, 1])})")
        if x.dtype.kind in "iub":
            self.put(f"cumsum(cumsum(x, axis={a}), axis={r.randrange(x.ndim)})")
            self.put(f"cumsum(x, axis={a})[::-1] * 2")
            self.put(f"diff(cumsum(x, axis={a}), axis={a})")
            self.put(f"max(cumsum(x, axis={a}), axis={r.randrange(x.ndim)})" if x.size else "cumsum(x)")
        if x.size:
            self.put(f"cumsum(x > 0, axis={a})" if x.dtype.kind != "b" else f"cumsum(~x, axis={a})")
            self.put(f"maximum.accumulate(x, axis={a}) - x" if x.dtype.kind != "b" else f"maximum.accumulate(x, axis={a}) & x")

    def family_window_deep(self):
        r = self.r
        x = self.deep_array("x", self.deep_shape(1, 3), r.choice(REAL))
        a = r.randrange(x.ndim)
        n = x.shape[a]
        e = self.light("x", x)
        if x.size > 30000:
            return self.put("sum(x)", 2)
        for _ in range(r.randint(2, 4)):
            w = r.choice([1, 2, 3, 5, 10, 64, 65, max(n, 1), max(n - 1, 1), n + 1])
            inner = f"sliding_window_view({e}, {w}, axis={r.choice([a, a - x.ndim])})"
            if x.size * w > 3000000 or x.size * w > 300000 and r.random() < 0.7:
                continue
            f = r.choice(["sum", "mean", "min", "max", "any", "all", "prod", "std", "median", "argmax", "ptp", "count_nonzero", "var"])
            if f == "prod" and w > 5:
                f = "min"
            if f == "ptp" and x.dtype.kind == "b":
                f = "any"
            axis = r.choice(["axis=-1", "axis=-1", f"axis={x.ndim}"])
            self.put(f"{f}({inner}, {axis})", {"sum": 8, "mean": 8, "std": 400, "var": 400, "prod": 200, "median": 4}.get(f, 0))
            if w <= 5 and r.random() < 0.4:
                self.put(r.choice([inner, f"{inner}[..., 0]", f"{inner}[::2]", f"{inner}[..., ::-1]"]))
            if w <= 5 and r.random() < 0.3:
                self.put(f"max(sliding_window_view(min(sliding_window_view(x, {w}, axis={a}), axis=-1), 2, axis={a}), axis=-1)")
        if x.ndim == 2 and min(x.shape) > 3:
            f = r.choice(["sum", "max", "mean", "min"])
            self.put(f"{f}(sliding_window_view(x, (2, 3)), axis=(-2, -1))", 8 if f in ("sum", "mean") else 0)
            self.put(f"sliding_window_view(x, 3, axis=(0,))" if r.random() < 0.5 else "sliding_window_view(x, (3, 2), axis=(0, 1))")

    def family_quantile_deep(self):
        r = self.r
        x = self.deep_array("x", self.deep_shape(1, 4), r.choice(REAL + INTS), way=r.choice(["", "", "ties", "extremes", "nans"]))
        for _ in range(r.randint(2, 4)):
            f = r.choice(["median", "quantile", "percentile", "nanmedian", "nanquantile", "nanpercentile"])
            axis = self.axis(x.ndim)
            kw = "" if axis is None else f", axis={axis}"
            if r.random() < 0.25:
                kw += ", keepdims=True"
            q = ""
            if "median" not in f:
                q = r.choice([0.5, 0.25, 0, 1, 0.9, 0.123, [0.1, 0.5, 0.75], [0.5], [1, 0], [[0.2, 0.4], [0.6, 1.0]], [], 1.5] if x.size else [0.5])
                # NumPy moves the wrong axes there: (q1, kept, q0).
                if f.startswith("nan") and np.ndim(q) == 2 and isinstance(axis, tuple) and len(axis) > 1:
                    q = q[0]
                if "percentile" in f:
                    q = (np.array(q) * 100).tolist()
                q = f", {q}"
                if r.random() < 0.6:
                    kw += f", method='{r.choice(METHODS)}'"
            tolerance = 8
            if r.random() < 0.2 and q and axis is not None and "quant" in f and x.dtype.kind != "b":
                kw += ", weights=1" if r.random() < 0.05 else ""
            self.put(f"{f}({self.light('x', x)}{q}{kw})", 0 if x.dtype.kind in "iu" and any(m in kw for m in ("'lower'", "'higher'", "'nearest'", "t_cdf", "_obs")) else tolerance)

    def family_float16_deep(self):
        r = self.r
        shape = self.deep_shape(1, 3)
        x = self.deep_array("x", shape, "float16")
        other = tuple(1 if r.random() < 0.3 else d for d in shape)
        self.deep_array("y", other, r.choice(["float16", "float16", "int8", "uint8", "bool"]))
        for t in r.sample(HALF_EXACT, 5):
            self.put(t)
        for f in r.sample(HALF_1, 3):
            self.put(f"{f}(x)", 1.01)
        self.put(*self.reduction("x", x, r.choice(["sum", "mean", "min", "max", "var", "std", "argmax", "argmin", "any"])))
        a = r.randrange(len(shape))
        if r.random() < 0.4:
            self.put(r.choice([f"sort(x, axis={a})", f"argsort(x, axis={a}, kind='stable')", "unique(x)", f"maximum.accumulate(x, axis={a})", f"roll(x, 3, axis={a})",
                               "x[x > 0]", "take(x, [0, 0], axis=0)" if shape[0] else "x", "searchsorted([1, 2], x)", f"flip(x, {a})"]))

    def family_complex_deep(self):
        r = self.r
        shape = self.deep_shape(1, 3)
        dtype = r.choice(["complex64", "complex128"])
        special = r.random() < 0.3
        x = self.deep_array("x", shape, dtype, way="extremes" if special else r.choice(["", "ties"]))
        other = tuple(1 if r.random() < 0.3 else d for d in shape)
        y = self.deep_array("y", other, r.choice([dtype, dtype, "float32", "int16", "bool"]), way="extremes" if special else "ties")
        for t in r.sample(COMPLEX_EXACT, 6):
            self.put(t, 4 if t in ("isclose(x, y)",) else 0)
        for f in r.sample(COMPLEX_1, 3):
            if f in ("arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh", "tan", "tanh") and special:
                continue
            self.put(f"{f}(x)", 60)
        self.put(r.choice(["x * y", "x / y", "x ** 2", "x ** y", "x ** 3", "x ** 0.5", "y / x", "power(x, 3)", "2 ** x", "x * conj(x)", "(1+2j) / x"]), 60)
        f = r.choice(["sum", "mean", "prod", "var", "std", "min", "max", "argmin", "argmax", "any", "all", "ptp", "nansum", "nanmean", "nanprod",
                      "nanvar", "nanstd", "nanmin", "nanmax", "nanargmax"])
        if f.endswith("prod") and x.size > 60:
            f = "sum"
        if f == "ptp":
            self.put(f"ptp(x, axis={self.axis(x.ndim)})")
        else:
            self.put(*self.reduction("x", x, f))
        a = r.randrange(x.ndim)
        self.put(r.choice([f"cumsum(x, axis={a})", f"nancumsum(x, axis={a})", f"cumsum(x)", f"count_nonzero(x, axis={a})", f"cumsum(x, axis={a}, dtype='complex128')",
                           f"diff(x, n=2, axis={a})", f"maximum.accumulate(x, axis={a})", f"sum(abs(x), axis={a})", "x[x.real > 0]", "x[x != 0]",
                           f"mean(x, axis={a}) * 2j", f"x - mean(x, axis={a}, keepdims=True)",
                           "linalg.norm(x)", "average(x)", "sum(x * conj(x))", "flatnonzero(x)", "argwhere(x)"]), 400)
