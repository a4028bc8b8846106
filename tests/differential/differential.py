#!/usr/bin/env python3
"""Random typed programs through gpuproc and through real NumPy: what differs is a bug.

    differential.py --gpuproc build/bin/gpuproc [--count N] [--seed S] [--only SEED]

Program number k of seed S depends on S + k only, so that a failure is repeated by
`--seed that --count 1`; that line is printed, with the command and the files kept in
`--keep DIR`. Needs Python 3 and NumPy 2; exits 77 without them.

What is compared:
  - dtype and shape: always equal;
  - exact operations: the same bits (every NaN is alike);
  - transcendental functions: only outermost in a statement, so that their error is not
    magnified; against extended precision, within the operator table's bound;
  - sums against exact fractions, the rest of the reductions against their definition;
  - a later statement that uses a reduction: NumPy gets the value that gpuproc wrote,
    so that everything behind a sum is again exact;
  - the CPU under three settings of chunk, threads, slots and --sync: equal files.
"""
import argparse
import fractions
import json
import math
import os
import pathlib
import random
import shlex
import shutil
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
import warnings
warnings.simplefilter("ignore")

Fraction = fractions.Fraction
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float32", "float64"]
DTYPES = ["bool"] + INTS + FLOATS
SIZES = [0, 1, 2, 3, 7, 100, 1023, 1024, 1025, 2048, 3001, 5003]


# ---- where the engine has a rule of its own ------------------------------------------

def cast(x, to):
    """RULE: float to integer saturates, NaN gives 0."""
    x = np.asanyarray(x)
    if np.dtype(to).kind in "iu" and x.dtype.kind == "f":
        i = np.iinfo(to)
        t = np.trunc(x.astype("float64"))
        low, high = t <= float(i.min), t >= float(i.max) if i.bits < 64 else t >= 2.0 ** (63 if i.min else 64)
        safe = np.where(np.isnan(t) | low | high, 0, t).astype(to)
        return np.where(np.isnan(t), np.array(0, to), np.where(low, np.array(i.min, to),
                        np.where(high, np.array(i.max, to), safe))).astype(to)[()]
    return x.astype(to)[()]


def second_of_equals(f):
    """RULE: of +0 and -0 the second operand."""
    def apply(x, y):
        r = f(x, y)
        return np.where(np.equal(x, y), np.asanyarray(y).astype(r.dtype), r)[()]
    return apply


minimum, maximum = second_of_equals(np.minimum), second_of_equals(np.maximum)
fmin, fmax = second_of_equals(np.fmin), second_of_equals(np.fmax)


def clip(x, lo=None, hi=None):
    dtype = np.clip(x, lo, hi).dtype  # which takes x for an array, not for a weak literal
    return minimum(maximum(np.asanyarray(x), lo), hi).astype(dtype)[()]


def reciprocal(x):
    """RULE: 1/x truncated, 0 for 0."""
    if x.dtype.kind == "f":
        return np.reciprocal(x)
    d = np.reciprocal(np.ones(1, x.dtype)).dtype
    x = np.asanyarray(x).astype(d)
    return np.where(x == 1, 1, np.where(x == -1, -1, 0) if d.kind == "i" else 0).astype(d)[()]


def round_to(x, decimals=0):
    """RULE: an integer that its rounded value does not fit saturates."""
    x = np.asanyarray(x)
    if x.dtype.kind in "iu" and decimals < 0:
        unit = 10.0 ** -decimals
        return cast(np.rint(x.astype("float64") / unit) * unit, x.dtype)
    return np.round(x, decimals)


# ---- extended precision for what is not exact ------------------------------------------

def wide(f, reference):
    """f in the extended precision of the machine, rounded; the dtype from NumPy's own."""
    def apply(*a):
        r = reference(*a)
        d = np.asanyarray(r).dtype
        w = f(*[np.asanyarray(v).astype(d).astype(np.longdouble) for v in a])
        return np.asanyarray(w).astype(d)[()]
    return apply


def erf(x):
    """SciPy's: integers in float64."""
    x = np.asanyarray(x)
    d = x.dtype if x.dtype.kind == "f" else np.dtype("float64")
    x = x.astype(d)
    return np.array([math.erf(float(v)) for v in x.ravel()], d).reshape(x.shape)[()]


def sinc(x):
    d = np.asanyarray(np.sinc(x)).dtype
    x = np.asanyarray(x).astype(d)
    y = (np.array(np.pi, d) * x).astype(np.longdouble)
    with np.errstate(all="ignore"):
        return np.where(x == 0, 1, np.sin(y) / np.where(x == 0, 1, y)).astype(d)[()]


# name -> (arity, ulp on the cpu, ulp opencl f32, ulp opencl f64). Argument reduction of the
# trigonometric ones on large operands is what OpenCL leaves exact too.
FUZZY = {
    "cbrt": (1, 1, 2, 2), "exp": (1, 1, 3, 3), "exp2": (1, 1, 3, 3), "expm1": (1, 1, 3, 3), "log": (1, 1, 3, 3),
    "log2": (1, 1, 3, 3), "log10": (1, 1, 3, 3), "log1p": (1, 1, 2, 2), "sin": (1, 1, 4, 4), "cos": (1, 1, 4, 4),
    "tan": (1, 1, 5, 5), "arcsin": (1, 1, 4, 4), "arccos": (1, 1, 4, 4), "arctan": (1, 1, 5, 5),
    "sinh": (1, 1, 4, 4), "cosh": (1, 1, 4, 4), "tanh": (1, 1, 5, 5), "arcsinh": (1, 1, 4, 4),
    "arccosh": (1, 1, 4, 4), "arctanh": (1, 1, 5, 5), "arctan2": (2, 1, 6, 6), "hypot": (2, 1, 4, 4),
    "logaddexp": (2, 4, 8, 8), "logaddexp2": (2, 4, 8, 8), "float_power": (2, 1, 16, 16), "erf": (1, 1, 16, 16),
    "sinc": (1, 3, 7, 7),
}
WIDE = {k: wide(getattr(np, k), getattr(np, k)) for k in FUZZY if k not in ("erf", "sinc")}
WIDE.update(erf=erf, sinc=sinc)


# ---- reductions by their definition -------------------------------------------------------

def round_fraction(x, dtype):
    bits, low, top = (24, -149, 128) if dtype == "float32" else (53, -1074, 1024)
    if x == 0:
        return 0.0
    m = abs(x)
    e = m.numerator.bit_length() - m.denominator.bit_length()
    if Fraction(2) ** e > m:
        e -= 1
    unit = Fraction(2) ** max(e - bits + 1, low)
    q, r = divmod(m, unit)
    q += 2 * r > unit or (2 * r == unit and q % 2 == 1)
    v = q * unit
    f = math.inf if v >= Fraction(2) ** top else float(v)
    return -f if x < 0 else f


def exact_total(x):
    """The exact sum as a Fraction, or the float that infinities and NaN leave."""
    v = np.asanyarray(x).ravel().astype("float64")
    if not np.isfinite(v).all():
        return float(np.nan if np.isnan(v).any() or (np.isposinf(v).any() and np.isneginf(v).any())
                     else np.inf if np.isposinf(v).any() else -np.inf)
    m, e = np.frexp(v)
    total, m = {}, (m * 2.0 ** 53).astype("int64")
    for k in np.unique(e):
        total[int(k)] = sum(int(i) for i in m[e == k])
    return sum((Fraction(s) * Fraction(2) ** (k - 53) for k, s in total.items()), Fraction(0))


def total(x):
    dtype = np.sum(np.zeros(1, x.dtype)).dtype
    if dtype.kind != "f":
        return np.sum(x)
    t = exact_total(x)
    t = t if isinstance(t, float) else round_fraction(t, dtype.name)
    if t == 0 and x.size and (np.signbit(x) & (x == 0)).all():
        t = -0.0
    return dtype.type(t)


def mean(x):
    dtype = np.mean(np.ones(1, x.dtype)).dtype
    if x.size == 0:
        return dtype.type(np.nan)
    t = exact_total(x) if x.dtype.kind == "f" else Fraction(sum(int(v) for v in x.ravel()))
    return dtype.type(t if isinstance(t, float) else round_fraction(t / x.size, dtype.name))


def variance(x, ddof=0):
    dtype = np.var(np.ones(1, x.dtype)).dtype
    n = x.size
    if n - ddof <= 0 or (x.dtype.kind == "f" and not np.isfinite(x).all()):
        return np.asanyarray(np.var(x, ddof=ddof)).astype(dtype)[()]
    v = x.ravel().astype("float64")  # what the engine takes the moments of
    m = exact_total(v) / n
    # The mean's last digits come last: of huge elements that differ little, the difference has room for them.
    d = (v.astype(np.longdouble) - np.longdouble(float(m))) - np.longdouble(float(m - Fraction(float(m))))
    return dtype.type(np.sum(d * d) / (n - ddof))


def deviation(x, ddof=0):
    v = variance(x, ddof)
    return np.sqrt(v)


def product(x):
    dtype = np.prod(np.ones(1, x.dtype)).dtype
    if dtype.kind != "f":
        return np.prod(x)
    return dtype.type(np.prod(x.astype(np.longdouble)))


# name -> (function, (ulp float32, ulp float64))
REDUCE = {
    "sum": (total, (1, 2)), "mean": (mean, (1, 2)), "min": (np.min, (0, 0)), "max": (np.max, (0, 0)),
    "argmin": (np.argmin, (0, 0)), "argmax": (np.argmax, (0, 0)), "any": (np.any, (0, 0)), "all": (np.all, (0, 0)),
    "count_nonzero": (np.count_nonzero, (0, 0)), "var": (variance, (1, 64)), "std": (deviation, (1, 64)),
    "prod": (product, (4, 6000)),
}

# ---- random programs --------------------------------------------------------------------

def random_values(rng, dtype, n, style):
    if dtype == "bool":
        return rng.integers(0, 2, n).astype(bool)
    if dtype in INTS:
        i = np.iinfo(dtype)
        small = rng.integers(max(-9, int(i.min)), 10, n).astype(dtype)
        if style == "small":
            return small
        v = np.frombuffer(rng.bytes(n * np.dtype(dtype).itemsize), dtype).copy()
        if style == "special" and n:
            picks = np.array([0, 1, 2, 3, i.max, i.max - 1, i.max // 2] + ([-1, -2, i.min, i.min + 1] if i.min else []),
                             dtype)
            v = np.where(rng.random(n) < 0.4, picks[rng.integers(0, picks.size, n)], v)
            v = np.where(rng.random(n) < 0.3, small, v)
        return v
    f = np.finfo(dtype)
    v = (rng.normal(size=n) * 10.0 ** rng.integers(-2, 3, n)).astype(dtype)
    v = np.where(rng.random(n) < 0.3, np.round(v), v)
    v = np.where(rng.random(n) < 0.2, np.round(v * 2) / 2, v).astype(dtype)
    if style == "special" and n:
        picks = np.array([0.0, -0.0, 1, -1, 0.5, np.inf, -np.inf, np.nan, f.max, -f.max, f.tiny, f.smallest_subnormal,
                          2.5, -3.5, 1e10], dtype)
        v = np.where(rng.random(n) < 0.2, picks[rng.integers(0, picks.size, n)], v)
    return v.astype(dtype)


class Node:
    """A piece of a program: the text for gpuproc, the text for Python, its dtype's kind."""

    def __init__(self, text, python, value, literal=False):
        self.text, self.python, self.value, self.literal = text, python, value, literal

    @property
    def kind(self):
        if self.literal:
            return {bool: "b", int: "i", float: "f"}[type(self.value)]
        return np.asanyarray(self.value).dtype.kind


class Wrong(Exception):
    """NumPy refuses the program: gpuproc has to."""


NAMESPACE = {"np": np, "cast": cast, "minimum": minimum, "maximum": maximum, "fmin": fmin, "fmax": fmax,
             "clip": clip, "round_to": round_to, "reciprocal": reciprocal, "where": np.where, "absolute": np.absolute,
             "W": WIDE, "R": {k: v[0] for k, v in REDUCE.items()}, "inf": math.inf, "nan": math.nan, "pi": math.pi,
             "e": math.e}

PLAIN1 = ["negative", "positive", "absolute", "fabs", "sign", "square", "sqrt", "floor", "ceil", "trunc", "rint",
          "isnan", "isinf", "isfinite", "signbit", "logical_not", "invert", "bitwise_count", "spacing", "deg2rad",
          "rad2deg", "fix", "isposinf", "isneginf", "nan_to_num"]
PLAIN2 = ["add", "subtract", "multiply", "divide", "floor_divide", "remainder", "fmod", "copysign", "nextafter",
          "heaviside", "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "gcd", "lcm",
          "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or",
          "logical_xor"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", ">", ">="]
OWN2 = ["minimum", "maximum", "fmin", "fmax"]


class Program:
    def __init__(self, seed):
        self.seed, self.rng, self.r = seed, np.random.default_rng(seed), random.Random(seed)
        self.env, self.inputs, self.statements, self.refused = {}, [], [], None
        self.make_inputs()
        try:
            for _ in range(self.r.choice([1, 1, 2, 2, 3, 4])):
                self.make_statement()
        except Wrong as wrong:
            self.refused = wrong.args[0]

    # inputs

    def make_inputs(self):
        r, n = self.r, self.r.choice(SIZES)
        shapes = [(n,)]
        form = r.random()
        if form < 0.45:
            a, b = r.choice([(3, 1000), (1, 1500), (40, 50), (1025, 3), (7, 1), (0, 4), (50, 61)])
            shapes = [(a, b), (a, b), (b,), (a, 1), (1, b), (), (1,)]
        elif form < 0.55:
            a, b, c = r.choice([(2, 3, 200), (5, 1, 7), (11, 13, 17)])
            shapes = [(a, b, c), (b, c), (c,), (a, 1, c), (a, 1, 1), ()]
        elif form < 0.65:
            shapes = [()]
        elif form < 0.8:
            shapes = [(n,), (n,), (1,), ()]
        for k in range(r.choice([1, 2, 2, 3])):
            dtype, shape = r.choice(DTYPES + FLOATS), r.choice(shapes) if k else shapes[0]
            count = math.prod(shape)
            value = random_values(self.rng, dtype, count, r.choice(["plain", "special", "special", "small"]))
            value = value.astype(dtype).reshape(shape)
            name = "xyz"[k]
            self.env[name] = value if shape else value[()]
            self.inputs.append((name, value, r.random() < 0.3 and value.ndim > 1, r.random() < 0.25, r.random() < 0.2))

    # expressions

    def apply(self, text, python, *parts):
        """A node of both texts; NumPy's refusal becomes Wrong (now and then) or None."""
        if all(p.literal for p in parts):
            return None
        try:
            value = eval(python, NAMESPACE, self.env)
        except (TypeError, OverflowError, ValueError) as error:
            if "negative integer" in str(error) or "nteger" in str(error) and "ower" in str(error):
                return None
            if self.r.random() < 0.03:
                raise Wrong((text, str(error)))
            return None
        if np.asanyarray(value).dtype.name not in DTYPES:  # float16 and complex numbers: nd.py has them
            return None
        return Node(text, python, value)

    def leaf(self):
        r = self.r
        if r.random() < 0.2:
            v = r.choice([0, 1, 2, 3, 5, 7, 100, 127, 255, 1000, 70000, 2 ** 31, 2 ** 63 - 1, 0.5, 2.0, 0.1, 1e-14, 3e38,
                          1e300, math.pi, True, False])
            if v is math.pi:
                return Node("pi", "pi", v, True)
            return Node(repr(v), repr(v), v, True)
        if r.random() < 0.05:
            return Node("nan", "nan", math.nan, True) if r.random() < .5 else Node("inf", "inf", math.inf, True)
        name = r.choice(sorted(self.env))
        return Node(name, name, self.env[name])

    def exact(self, depth):
        for _ in range(30):
            node = self.try_exact(depth)
            if node is not None:
                return node
        return self.leaf()

    def try_exact(self, depth):
        r = self.r
        if depth == 0:
            return self.leaf()
        x = self.exact(depth - 1)
        way = r.random()
        if way < 0.18:
            f = r.choice(PLAIN1)
            n = "nan_to_num" if f == "nan_to_num" else f
            if x.literal:
                return None
            return self.apply(f"{n}({x.text})", f"np.{f}({x.python})", x)
        if way < 0.22:
            if x.literal:
                return None
            return self.apply(f"reciprocal({x.text})", f"reciprocal({x.python})", x)
        if way < 0.23:
            more = r.choice([", nan=1", ", posinf=2", ", nan=-1.5, neginf=0"])
            return None if x.literal else self.apply(f"nan_to_num({x.text}{more})", f"np.nan_to_num({x.python}{more})", x)
        if way < 0.26:
            sign = r.choice("-~+")
            return None if x.literal else self.apply(f"({sign}({x.text}))", f"({sign}({x.python}))", x)
        if way < 0.34:
            to = r.choice(DTYPES)
            if x.literal:
                return None
            form = r.choice(["{to}({x})", "({x}).astype({to})", "astype({x}, '{to}')"])
            return self.apply(form.format(to=to, x=x.text), f"cast({x.python}, '{to}')", x)
        if way < 0.39:
            if x.literal:
                return None
            d = r.choice([None, 0, 1, 2, 3, -1, -2])
            arg = "" if d is None else f", {d}"
            return self.apply(f"round({x.text}{arg})", f"round_to({x.python}{arg})", x)
        y = self.exact(r.randrange(depth))
        if way < 0.62:
            op = r.choice(OPERATORS)
            return self.apply(f"({x.text} {op} {y.text})", f"({x.python} {op} {y.python})", x, y)
        if way < 0.78:
            f = r.choice(PLAIN2)
            return self.apply(f"{f}({x.text}, {y.text})", f"np.{f}({x.python}, {y.python})", x, y)
        if way < 0.84:
            f = r.choice(OWN2)
            return self.apply(f"{f}({x.text}, {y.text})", f"{f}({x.python}, {y.python})", x, y)
        if way < 0.88:
            n = r.choice([0, 1, 2, 3, 5])
            if x.kind != "f" and not x.literal:  # integer powers are exact
                if r.random() < 0.4:
                    return self.apply(f"(({x.text}) ** {n})", f"(({x.python}) ** {n})", x)
                if y.kind in "bu":
                    return self.apply(f"power({x.text}, {y.text})", f"np.power({x.python}, {y.python})", x, y)
            return None
        if way < 0.91:
            more = r.choice(["", ", equal_nan=True", ", rtol=0.5", ", atol=1, rtol=0"])
            return self.apply(f"isclose({x.text}, {y.text}{more})", f"np.isclose({x.python}, {y.python}{more})", x, y)
        if way < 0.94:
            z = self.exact(0)
            return self.apply(f"clip({x.text}, {y.text}, {z.text})", f"clip({x.python}, {y.python}, {z.python})", x, y, z)
        z = self.exact(r.randrange(depth))
        return self.apply(f"where({z.text}, {x.text}, {y.text})", f"where({z.python}, {x.python}, {y.python})", x, y, z)

    def make_statement(self):
        """name = text, with how its result may differ: ulps for (cpu, opencl float32, float64)."""
        r = self.r
        node = None
        for _ in range(50):
            way = r.random()
            x = self.exact(r.choice([0, 1, 2, 2, 3]))
            if x.literal:
                continue
            ulps = (0, 0, 0, 0)
            if way < 0.4:
                f = r.choice(sorted(REDUCE))
                v = np.asanyarray(x.value)
                if f == "prod" and v.dtype.kind == "f":
                    w = np.abs(v[v != 0].astype(np.longdouble))
                    w = w[np.isfinite(w)]
                    if v.size == 0 or not np.isfinite(v).all() or w.size and np.sum(np.abs(np.log(w))) > 80:
                        continue
                if f in ("min", "max", "argmin", "argmax") and v.size == 0:
                    continue
                ddof = r.choice(["", "", ", ddof=1"]) if f in ("var", "std") else ""
                # NumPy's own variance of ints is in float64, as here.
                method, operand, more, call = r.random() < 0.4 and f != "count_nonzero", x.python, ddof, f"R['{f}']"
                if f in ("sum", "prod", "mean") and r.random() < 0.3 and (f != "prod" or v.dtype.kind != "f"):
                    to = r.choice(FLOATS if f == "mean" else INTS + FLOATS if f == "sum" else INTS)
                    operand, more = f"cast({operand}, '{to}')", f", dtype={to}"
                    if to in INTS:
                        call, ddof = f"np.{f}", f", dtype='{to}'"
                text = f"({x.text}).{f}({more[2:]})" if method else f"{f}({x.text}{more})"
                node = self.apply(text, f"{call}(np.asanyarray({operand}){ddof})", x)
                a, b = REDUCE[f][1]
                ulps = (a, b, a, b)
            elif way < 0.7:
                f = r.choice(sorted(FUZZY))
                arity, cpu, c32, c64 = FUZZY[f]
                y = self.exact(r.choice([0, 1])) if arity == 2 else None
                if y is not None:
                    node = self.apply(f"{f}({x.text}, {y.text})", f"W['{f}']({x.python}, {y.python})", x, y)
                else:
                    node = self.apply(f"{f}({x.text})", f"W['{f}']({x.python})", x)
                ulps = (cpu, cpu, c32, c64)
            else:
                node = self.exact(r.choice([1, 2, 3, 4]))
            if node is not None and not node.literal:
                break
            node = None
        if node is None:
            return
        name = "abcd"[len(self.statements)]
        value = node.value
        self.env[name] = value
        zero = "min(" in node.text or "max(" in node.text  # -0.0 is below +0.0 here; NumPy takes the first
        self.statements.append((name, node, ulps, "R['m" in node.python and zero))


# ---- running and comparing ----------------------------------------------------------------

def write_inputs(program, folder):
    words = []
    for name, value, fortran, big, raw in program.inputs:
        v = value.astype(value.dtype.newbyteorder(">")) if big else value
        if fortran:
            v = np.asfortranarray(v)
        if raw and value.ndim:
            path = folder / f"{name}.bin"
            path.write_bytes(b"\xee" * 24 + v.tobytes(order="F" if fortran else "C"))
            dtype = np.dtype(v.dtype).str.lstrip("|")
            shape = "x".join(str(s) for s in v.shape)
            words.append(f"{name}={path},dtype={dtype},shape={shape},offset=24" + (",order=F" if fortran else ""))
        else:
            path = folder / f"{name}.npy"
            np.save(path, v)
            words.append(f"{name}={path}")
    return words


def order(x):
    i = x.view("int32" if x.dtype.itemsize == 4 else "int64").astype("int64")
    low = np.int64(-2 ** 31 if x.dtype.itemsize == 4 else -2 ** 63)
    return np.where(i < 0, low - i, i)


def different(got, want, ulp, zeros_alike):
    want = np.asanyarray(want)
    if got.dtype != want.dtype:
        return f"dtype {got.dtype}, NumPy {want.dtype}"
    if got.shape != want.shape:
        return f"shape {got.shape}, NumPy {want.shape}"
    g, w = np.ascontiguousarray(got).ravel(), np.ascontiguousarray(want).ravel()
    if g.dtype.kind != "f":
        bad = g != w if g.dtype.kind != "b" else g.view("uint8") != w.view("uint8")
    else:
        bits = f"u{g.dtype.itemsize}"
        same = (g.view(bits) == w.view(bits)) | (np.isnan(g) & np.isnan(w))
        if zeros_alike:
            same |= g == w
        if ulp:
            finite = ~np.isnan(g) & ~np.isnan(w)
            near = np.abs(np.where(finite, order(g) - order(w), 2 ** 62)) <= ulp
            same |= finite & near & ~(np.isinf(g) ^ np.isinf(w) & (ulp < 2))
        bad = ~same
    if not bad.any():
        return None
    k = int(np.flatnonzero(bad)[0])
    return f"{int(bad.sum())} of {g.size} elements, first [{k}]: got {g[k]!r}, NumPy {w[k]!r}"


def command(program, options, words, folder, tag, settings):
    text = "; ".join(f"{name} = {node.text}" for name, node, *_ in program.statements)
    outs = [w for name, *_ in program.statements for w in ("-o", f"{name}={folder}/{tag}_{name}.npy")]
    return [options.gpuproc, "eval", "-q", "-f", *settings, "--", text, *words, *outs]


def fix_order(argv):
    """Options in front of `--`."""
    i = argv.index("--")
    rest = argv[i + 1:]
    outs = [w for k, w in enumerate(rest) if w == "-o" or k and rest[k - 1] == "-o"]
    plain = [w for k, w in enumerate(rest) if not (w == "-o" or k and rest[k - 1] == "-o")]
    return argv[:i] + outs + ["--"] + plain


def run(argv, limit):
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(argv, 124, "", "timed out")


def check(program, options, folder, devices):
    """A list of what is wrong, each with the command."""
    wrong = []
    words = write_inputs(program, folder)
    r = random.Random(program.seed ^ 0x5EED)
    chunk = ["1", "1K", "4096", "8K", "20K", "1M"]
    settings = [("cpu", ["--device", "0", "--chunk", r.choice(chunk), "--threads", "2"]),
                ("cpu1", ["--device", "0", "--chunk", r.choice(chunk), "--threads", "1", "--sync"]),
                ("cpu2", ["--device", "0", "--memory", "16M", "--slots", "2"])]
    for index in devices:
        settings.append((f"cl{index}", ["--device", str(index), "--no-fallback", "--chunk", r.choice(chunk[2:])]))
    if program.refused:
        text, why = program.refused
        argv = [options.gpuproc, "eval", "-q", "-f", "--device", "0", "-o", f"{folder}/o.npy", "--", f"o = {text}", *words]
        earlier = "; ".join(f"{n} = {node.text}" for n, node, *_ in program.statements)
        if earlier:
            argv[argv.index(f"o = {text}")] = f"{earlier}; o = {text}"
        done = run(argv, 60)
        if done.returncode not in (1, 2):
            wrong.append((f"exit {done.returncode}, NumPy refuses: {why} {done.stderr.strip()}", argv))
        return wrong
    if not program.statements:
        return wrong
    first = {}
    for tag, setting in settings:
        argv = fix_order(command(program, options, words, folder, tag, setting))
        done = run(argv, 120)
        if done.returncode != 0:
            wrong.append((f"exit {done.returncode}: {done.stderr.strip()[-300:]}", argv))
            break
        if tag in ("cpu1", "cpu2"):
            for name, *_ in program.statements:
                if tag and (folder / f"{tag}_{name}.npy").read_bytes() != first.get(name):
                    wrong.append((f"{name}: other bytes than with {' '.join(settings[0][1])}", argv))
            continue
        env = {name: v if v.shape else v[()] for name, v, *_ in program.inputs}
        for name, node, ulps, zeros_alike in program.statements:
            path = folder / f"{tag}_{name}.npy"
            got = np.load(path)
            if tag == "cpu":
                first[name] = path.read_bytes()
            want = eval(node.python, NAMESPACE, env)
            wide_float = np.asanyarray(want).dtype == np.float64
            ulp = ulps[(0 if tag == "cpu" else 2) + wide_float]
            problem = different(got, want, ulp, zeros_alike)
            if problem:
                wrong.append((f"{name} = {node.text}: {problem}", argv))
                break
            env[name] = got if got.shape else got[()]
        if wrong:
            break
    return wrong


def find_devices(options):
    done = run([options.gpuproc, "devices", "--json"], 60)
    listed = json.loads(done.stdout)["devices"]
    return [d["index"] for d in listed if d["kind"].startswith("opencl") and not d["note"] and d["fp64"]]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gpuproc", default="build/bin/gpuproc")
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--opencl", type=int, default=10, metavar="N", help="every N-th program on devices too (0: none)")
    parser.add_argument("--keep", metavar="DIR", help="keep the files of failures here")
    options = parser.parse_args()
    devices = find_devices(options) if options.opencl else []
    if options.opencl and not devices and os.environ.get("GPUPROC_REQUIRE_DEVICE") == "1":
        sys.exit("no OpenCL device")
    failures = statements = refused = 0
    for seed in range(options.seed, options.seed + options.count):
        program = Program(seed)
        statements += len(program.statements)
        refused += program.refused is not None
        with tempfile.TemporaryDirectory(prefix="gpuproc-differential-") as name:
            folder = pathlib.Path(name)
            use = devices if options.opencl and seed % options.opencl == 0 else []
            wrong = check(program, options, folder, use)
            if wrong and options.keep:
                kept = pathlib.Path(options.keep) / str(seed)
                shutil.copytree(folder, kept, dirs_exist_ok=True)
            for problem, argv in wrong:
                failures += 1
                inputs = ", ".join(f"{n}: {v.dtype}{list(v.shape)}{' F' if f else ''}{' big' if b else ''}"
                                   f"{' raw' if raw else ''}" for n, v, f, b, raw in program.inputs)
                place = str(pathlib.Path(options.keep) / str(seed)) if options.keep else name
                shown = shlex.join(argv).replace(name, place)
                again = f"--seed {seed} --count 1 --opencl {1 if use else 0}"
                print(f"FAIL {again}\n  {problem}\n  {inputs}\n  {shown}", flush=True)
    print(f"{options.count} programs, {statements} statements, {refused} refused by NumPy, devices {devices}: "
          f"{failures} failures")
    sys.exit(1 if failures else 0)


main()
