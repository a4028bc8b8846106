#!/usr/bin/env python3
"""Writes reductions.bin beside this file: what every whole-array reduction gives.

Needs NumPy 2. Integers, extremes and counts come from NumPy; sums, means, variances
and products of floats from exact fractions, rounded once. RULE marks where the
engine has a rule of its own.

Format: ASCII lines, some followed by raw little-endian bytes.
  gpuproc reductions 1 numpy <version>
  set <name> <dtype> <n>            then n elements, the pool
  over <name> <size>                element i of the operand is pool[i % n]
  is <text> <dtype> <ulp>           then one value: what <text> gives for x, and its allowed error
  fails <text>                      NumPy refuses: so does the engine
  end
"""
import fractions
import math
import pathlib
import sys

import numpy as np

np.seterr(all="ignore")
Fraction = fractions.Fraction
rng = np.random.default_rng(7)
POOL = 509
SIZES = [0, 1, 2, 1023, 1024, 1025, 5003]
out = bytearray()


def line(*words):
    out.extend((" ".join(str(w) for w in words) + "\n").encode())


def rounded(x, dtype):
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


def root(x, dtype):
    """The square root of a fraction, to a few bits more than a float64 and then rounded."""
    if x == 0:
        return 0.0
    shift = 2 * max(0, 80 - (x.numerator.bit_length() - x.denominator.bit_length()) // 2)
    return rounded(Fraction(math.isqrt(int(x * Fraction(4) ** shift)), 2 ** shift), dtype)


def special(x):
    """What a sum of non-finite values is, or None."""
    if np.isfinite(x).all():
        return None
    both = np.isposinf(x).any() and np.isneginf(x).any()
    return math.nan if np.isnan(x).any() or both else math.inf if np.isposinf(x).any() else -math.inf


def put(text, value, dtype, ulp=0):
    line("is", text, dtype, ulp)
    out.extend(np.array(value, dtype).tobytes())


def steps(m, v):
    """How many ulps a variance v around a mean m may be off: a block's mean is rounded too, which
    shows where the mean is far larger than the spread; at the most in the ninth digit."""
    return 16 + (min(int(abs(float(m)) / math.sqrt(float(v)) / 32), 4503599) if v > Fraction(1, 10 ** 290) else 0)


def reduce_floats(x):
    t, n, odd = x.dtype.name, x.size, special(x)
    exact = None if odd is not None else [Fraction(float(v)) for v in x]
    if odd is not None:
        total = mean = odd
    else:
        s = sum(exact, Fraction(0))
        # All -0.0 sums to -0.0.
        total = -0.0 if n and s == 0 and np.signbit(x).all() and (x == 0).all() else rounded(s, t)
        mean = math.nan if n == 0 else -0.0 if total == 0 and math.copysign(1, total) < 0 else rounded(s / n, t)
    put("sum(x)", total, t)
    put("mean(x)", mean, t, 1)
    if t == "float64" and n and np.nanmax(np.abs(x[np.isfinite(x)])) > 1e150:
        return  # the squares overflow: only the same everywhere, whatever it is
    for ddof in (0, 1):
        extra = ",ddof=1" if ddof else ""
        if odd is not None or n == 0:
            var, std, ulp = math.nan, math.nan, 0
        elif n == ddof:
            var, std, ulp = math.nan, math.nan, 0  # 0 / 0
        else:
            m = sum(exact, Fraction(0)) / n
            v = sum(((e - m) ** 2 for e in exact), Fraction(0)) / (n - ddof)
            var, std, ulp = rounded(v, t), root(v, t), steps(m, v)
            if t == "float64" and var < 1e-290:
                std = math.sqrt(var)  # the squares are lost, as in NumPy
        # Of float64, a few roundings of the squares; float32 is done in float64.
        put(f"var(x{extra})", var, t, 1 if t == "float32" else ulp)
        put(f"std(x{extra})", std, t, 1 if t == "float32" else ulp)
    if odd is None:
        p, size = Fraction(1), 0
        logs = [math.log2(abs(float(v))) for v in x if v != 0]
        if abs(sum(logs)) < 900 and max((abs(s) for s in np.cumsum(logs)), default=0) < 900:
            for e in exact:
                p *= e
            negative = sum(np.signbit(x)) % 2 == 1
            value = (-0.0 if negative else 0.0) if p == 0 else rounded(p, t)
            put("prod(x)", value, t, 1 if t == "float32" else 8 + n // 8)


def extremes(x):
    t = x.dtype.name
    if x.size == 0:
        for f in ("min", "max", "argmin", "argmax"):
            line("fails", f"{f}(x)")
        return
    low, high = np.min(x), np.max(x)
    if x.dtype.kind == "f":
        zeros = np.signbit(x[x == 0])
        # RULE: -0.0 is below +0.0, so that no order shows.
        low = (-0.0 if zeros.any() else 0.0) if low == 0 else low
        high = (0.0 if not zeros.all() else -0.0) if high == 0 else high
    put("min(x)", low, t)
    put("max(x)", high, t)
    put("argmin(x)", np.argmin(x), "int64")
    put("argmax(x)", np.argmax(x), "int64")


def reduce_integers(x):
    n = x.size
    put("sum(x)", np.sum(x), np.sum(x).dtype.name)
    put("prod(x)", np.prod(x), np.prod(x).dtype.name)
    exact = [Fraction(int(v)) for v in x]
    # RULE: variances of integers are those of the float64 that they become.
    near = [Fraction(float(int(v))) for v in x]
    put("mean(x)", math.nan if n == 0 else rounded(sum(exact) / n, "float64"), "float64", 1)
    if n > 0:
        m = sum(near) / n
        v = sum((e - m) ** 2 for e in near) / n
        put("var(x)", rounded(v, "float64"), "float64", steps(m, v))
        put("std(x)", root(v, "float64"), "float64", steps(m, v))


def put_set(name, pool):
    line("set", name, pool.dtype.name, pool.size)
    out.extend(pool.tobytes())
    for size in SIZES:
        x = np.resize(pool, size).astype(pool.dtype)
        line("over", name, size)
        (reduce_floats if x.dtype.kind == "f" else reduce_integers)(x)
        extremes(x)
        put("any(x)", np.any(x), "bool")
        put("all(x)", np.all(x), "bool")
        put("count_nonzero(x)", np.count_nonzero(x), "int64")


def main():
    line("gpuproc reductions 1 numpy", np.__version__)
    put_set("bool", rng.integers(0, 2, POOL).astype(bool))
    put_set("bool_true", np.ones(3, bool))
    put_set("bool_false", np.zeros(3, bool))
    for t in ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]:
        i = np.iinfo(t)
        put_set(f"{t}_any", np.frombuffer(rng.bytes(POOL * i.bits // 8), t).copy())
        put_set(f"{t}_top", np.array([i.max, i.max, i.max - 1, i.max], t))
        put_set(f"{t}_low", np.array([i.min, i.min + 1, i.min], t))
        put_set(f"{t}_odd", (rng.integers(0, 9, POOL) * 2 + 1).astype(t))
    for t in ["float32", "float64"]:
        f = np.finfo(t)
        put_set(f"{t}_plain", rng.normal(size=POOL).astype(t))
        put_set(f"{t}_near_one", (1 + rng.normal(size=POOL) * 1e-3).astype(t))
        put_set(f"{t}_offset", (1e9 + rng.normal(size=POOL)).astype(t))
        wide = (rng.normal(size=POOL) * 10.0 ** rng.integers(-30, 30, POOL)).astype(t)
        put_set(f"{t}_wide", wide)
        put_set(f"{t}_ill", np.array([1, 1e100 if t == "float64" else 1e30, 1, -1e100 if t == "float64" else -1e30], t))
        put_set(f"{t}_tiny", (f.smallest_subnormal * rng.integers(-9, 9, POOL)).astype(t))
        put_set(f"{t}_huge", np.array([f.max, f.max, -f.max, -f.max, 3], t))
        put_set(f"{t}_negzero", np.array([-0.0], t))
        put_set(f"{t}_zeros", np.array([0.0, -0.0, 0.0], t))
        put_set(f"{t}_zeros2", np.array([-0.0, 0.0], t))
        nan = rng.normal(size=POOL).astype(t)
        nan[[200, 400]] = np.nan
        put_set(f"{t}_nan", nan)
        inf = rng.normal(size=POOL).astype(t)
        inf[300] = np.inf
        put_set(f"{t}_inf", inf)
        put_set(f"{t}_neginf", -inf)
        inf = inf.copy()
        inf[301] = -np.inf
        put_set(f"{t}_both", inf)
    line("end")
    path = pathlib.Path(__file__).with_name("reductions.bin")
    path.write_bytes(out)
    print(f"{path.name}: {len(out)} bytes", file=sys.stderr)


main()
