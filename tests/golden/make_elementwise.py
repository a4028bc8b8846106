#!/usr/bin/env python3
"""Writes elementwise.bin beside this file: what every element-wise operation gives.

Needs NumPy 2, mpmath and SciPy. Results come from NumPy, except
  - transcendental functions: mpmath, correctly rounded (NumPy for special values);
  - what NumPy leaves to the processor or refuses, where the engine has a rule of
    its own: see the functions marked RULE.

Format: ASCII lines, some followed by raw little-endian bytes.
  gpuproc elementwise 1 numpy <version> mpmath <version>
  set <name> <dtype> <n>                       then n elements
  op <OP> <operand dtype> <result dtype> <n> <set> [<set> [<set>]]   then n results
  end
"""
import pathlib
import sys
import warnings

import mpmath
import numpy as np
import scipy.special

warnings.simplefilter("ignore")
np.seterr(all="ignore")
mp = mpmath.mp
mp.prec = 500
rng = np.random.default_rng(20240229)

SIGNED = ["int8", "int16", "int32", "int64"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
INTEGERS = SIGNED + UNSIGNED
FLOATS = ["float32", "float64"]
ALL = ["bool"] + INTEGERS + FLOATS

out = bytearray()


def line(*words):
    out.extend((" ".join(str(w) for w in words) + "\n").encode())


def put_set(name, values):
    line("set", name, values.dtype.name, values.size)
    out.extend(values.tobytes())


def put_op(op, operand, result, *sets):
    line("op", op, operand, result.dtype.name, result.size, *sets)
    out.extend(result.tobytes())


# ---- operands -----------------------------------------------------------------

def random_bits(dtype, n):
    size = np.dtype(dtype).itemsize
    return np.frombuffer(rng.bytes(n * size), dtype).copy()


def floats_special(dtype):
    i = np.finfo(dtype)
    v = [0.0, 1.0, 0.5, 2.0, 3.0, 2.5, 10.0, 1.5, 0.1, i.max, i.tiny, i.smallest_subnormal, i.eps, 1e-3, 100.25,
         7.0, 1e10 if dtype == "float32" else 1e200]
    v = np.array(v, dtype)
    return np.concatenate([v, -v, np.array([np.inf, -np.inf, np.nan], dtype)])


def ints_special(dtype):
    i = np.iinfo(dtype)
    v = [0, 1, 2, 3, 7, 8, 31, 63, 64, 100, i.max, i.max - 1, i.max // 2 + 1]
    if i.min < 0:
        v += [-1, -2, -3, -7, -8, -100, i.min, i.min + 1]
    return np.array(v, dtype)


def pairs(special, rand_a, rand_b):
    n = special.size
    return (np.concatenate([np.repeat(special, n), rand_a]), np.concatenate([np.tile(special, n), rand_b]))


def near(dtype, n):
    """Floats of ordinary size, some of them whole or halves."""
    v = rng.normal(size=n) * 10.0 ** rng.integers(-3, 4, n)
    v[::5] = np.round(v[::5])
    v[1::5] = np.round(v[1::5] * 2) / 2
    return v.astype(dtype)


A, B = {}, {}
for t in ALL:
    if t == "bool":
        # Not only 0 and 1: files may hold other bytes, and any but zero is true.
        s = np.array([0, 1, 2, 128, 255], np.uint8)
        A[t], B[t] = pairs(s, s, s[::-1])
    elif t in INTEGERS:
        a, b = pairs(ints_special(t), random_bits(t, 60), random_bits(t, 60))
        small = rng.integers(-9 if t in SIGNED else 0, 10, 60).astype(t)
        A[t], B[t] = np.concatenate([a, random_bits(t, 60)]), np.concatenate([b, small])
    else:
        k = 150
        a, b = pairs(floats_special(t), random_bits(t, k), random_bits(t, k))
        A[t], B[t] = np.concatenate([a, near(t, k)]), np.concatenate([b, near(t, k)])


def unary_floats(dtype):
    """Operands of one-operand functions: special, around the ends of ranges, dense, huge."""
    f32 = dtype == "float32"
    edges = [88, 88.7, 88.8, 89, 89.3, 89.4, 89.5, 90, 104, 87.4, 103.9, 126, 127.9, 128, 149, 150, 1e19, 2e19, 1e30,
             1e38, 3e38] if f32 else \
            [709, 709.7, 709.79, 710, 710.3, 710.47, 710.5, 745, 746, 708.4, 1022, 1023.9, 1024, 1074, 1075, 1e150,
             1e154, 2e154, 1e300, 1e307, 1.5e308]
    tiny = np.finfo(dtype).smallest_subnormal * rng.integers(1, 1 << 20, 20).astype(dtype)
    whole = np.arange(0.5, 8, 0.5)
    v = np.concatenate([edges, tiny, whole, 1 + 10.0 ** -np.arange(1, 16), 1 - 10.0 ** -np.arange(1, 16),
                        10.0 ** np.arange(-37, 38), np.arange(1, 12) * np.pi / 4, rng.uniform(0, 1, 60),
                        rng.uniform(0, 20, 60), rng.uniform(0, 1e4, 20)]).astype(dtype)
    return np.concatenate([floats_special(dtype), v, -v, random_bits(dtype, 200)])


U = {t: unary_floats(t) for t in FLOATS}

# ---- rounding of exact values ----------------------------------------------------

def rounded(x, dtype):
    """The float of `dtype` nearest to the mpf x, ties to even, as a Python float."""
    bits, low = (24, -149) if dtype == "float32" else (53, -1074)
    top = 128 if dtype == "float32" else 1024
    if x == 0:
        return 0.0
    sign, man, exp, count = x._mpf_
    drop = max(count - bits, low - exp)
    if drop > count + 1:
        man, exp = 0, low
    elif drop > 0:
        half, rest = 1 << (drop - 1), man & ((1 << drop) - 1)
        man >>= drop
        man += rest > half or (rest == half and man & 1)
        exp += drop
    if man.bit_length() + exp > top:
        value = float("inf")
    else:
        value = float(mpmath.ldexp(man, int(exp))) if man else 0.0
    return -value if sign else value


def exact1(f, g):
    """f in mpmath, g in NumPy for what is special."""
    def apply(x):
        special = g(x.astype("float64"))
        r = np.empty_like(x)
        for i, (v, s) in enumerate(zip(x.astype("float64"), special)):
            if not np.isfinite(v) or v == 0 or np.isnan(s):
                r[i] = s
                continue
            e = f(mpmath.mpf(float(v)))
            if mpmath.isinf(e) or e == 0:
                r[i] = s
                continue
            r[i] = rounded(e, x.dtype.name)
            if np.isfinite(s) and s != 0:  # both ways agree roughly, or this script is wrong
                assert abs(mpmath.mpf(float(s)) - e) <= abs(e) * mpmath.mpf(2) ** -44 + mpmath.mpf(2) ** -1070, (f, v)
        return r
    return apply


def mp_atanh(x):
    return (mpmath.log1p(x) - mpmath.log1p(-x)) / 2 if abs(x) < 1 else mpmath.atanh(x)


def mp_asinh(x):
    a = abs(x)
    r = mpmath.log1p(a + a * a / (1 + mpmath.sqrt(1 + a * a)))
    return r if x > 0 else -r


UNARY_EXACT = {
    "CBRT": (lambda x: mpmath.cbrt(x) if x > 0 else -mpmath.cbrt(-x), np.cbrt),
    "EXP": (mpmath.exp, np.exp), "EXP2": (lambda x: mpmath.exp(x * mpmath.ln2) if abs(x) < 3000 else
                                          (mpmath.inf if x > 0 else mpmath.mpf(0)), np.exp2),
    "EXPM1": (mpmath.expm1, np.expm1), "LOG": (mpmath.log, np.log),
    "LOG2": (lambda x: mpmath.log(x) / mpmath.ln2, np.log2), "LOG10": (mpmath.log10, np.log10),
    "LOG1P": (mpmath.log1p, np.log1p), "SIN": (mpmath.sin, np.sin), "COS": (mpmath.cos, np.cos),
    "TAN": (mpmath.tan, np.tan), "ARCSIN": (mpmath.asin, np.arcsin), "ARCCOS": (mpmath.acos, np.arccos),
    "ARCTAN": (mpmath.atan, np.arctan), "SINH": (mpmath.sinh, np.sinh), "COSH": (mpmath.cosh, np.cosh),
    "TANH": (mpmath.tanh, np.tanh), "ARCSINH": (mp_asinh, np.arcsinh), "ARCCOSH": (mpmath.acosh, np.arccosh),
    "ARCTANH": (mp_atanh, np.arctanh), "ERF": (mpmath.erf, scipy.special.erf),
}


def exact2(f, g):
    def apply(x, y):
        special = g(x.astype("float64"), y.astype("float64"))
        r = np.empty_like(x)
        for i, (v, w, s) in enumerate(zip(x.astype("float64"), y.astype("float64"), special)):
            if not np.isfinite(v) or not np.isfinite(w) or np.isnan(s) or v == 0 or w == 0:
                r[i] = s
                if f is not mp_pow and np.isfinite(v) and np.isfinite(w) and s != 0 and f is not mp_atan2:
                    r[i] = rounded(f(mpmath.mpf(float(v)), mpmath.mpf(float(w))), x.dtype.name)
                continue
            e = f(mpmath.mpf(float(v)), mpmath.mpf(float(w)))
            r[i] = e if isinstance(e, float) else rounded(e, x.dtype.name)
        return r
    return apply


def mp_pow(x, y):
    size = y * mpmath.log(abs(x)) / mpmath.ln2
    odd = y == mpmath.floor(y) and mpmath.fmod(y, 2) == 1
    sign = -1.0 if x < 0 and (odd or mpmath.fmod(y, 2) == -1) else 1.0
    if abs(size) > 3000:
        return sign * (float("inf") if size > 0 else 0.0)
    return sign * mpmath.exp(y * mpmath.log(abs(x)))


def mp_atan2(y, x):
    return mpmath.atan2(y, x)


def mp_logaddexp(x, y):
    return max(x, y) + mpmath.log1p(mpmath.exp(-abs(x - y))) if abs(x - y) < 5000 else max(x, y)


def mp_logaddexp2(x, y):
    return max(x, y) + mpmath.log1p(mpmath.mpf(2) ** -abs(x - y)) / mpmath.ln2 if abs(x - y) < 5000 else max(x, y)


BINARY_EXACT = {
    "POW": (mp_pow, np.power), "ARCTAN2": (mp_atan2, np.arctan2), "HYPOT": (mpmath.hypot, np.hypot),
    "LOGADDEXP": (mp_logaddexp, np.logaddexp), "LOGADDEXP2": (mp_logaddexp2, np.logaddexp2),
}

# ---- rules of the engine -----------------------------------------------------------

def rule_second_of_equals(f):
    """RULE: of +0 and -0 the second operand (NumPy's vector loops do so, its scalar ends not always)."""
    def apply(x, y):
        return np.where(x == y, y, f(x, y))
    return apply


def rule_reciprocal(x):
    """RULE: an integer's reciprocal is 1/x truncated, 0 for 0."""
    return np.where(x == 1, 1, np.where(x == np.array(-1).astype(x.dtype), -1 if x.dtype.kind == "i" else 0, 0)
                    ).astype(x.dtype)


def rule_power(x, y):
    """RULE: a negative exponent gives 0 (and the engine's error flag); NumPy raises."""
    ok = y >= 0
    return np.where(ok, np.power(x, np.where(ok, y, 0).astype(y.dtype)), 0).astype(x.dtype)


def rule_cast(x, to):
    """RULE: float to integer saturates, NaN gives 0; bool bytes are normalised."""
    if np.dtype(to).kind in "iu" and x.dtype.kind == "f":
        i = np.iinfo(to)
        r = [0 if np.isnan(v) else i.max if v == np.inf else i.min if v == -np.inf else
             min(max(int(v), int(i.min)), int(i.max)) for v in x.astype("float64")]
        return np.array(r, to)
    return x.astype(to)


# ---- the operations ----------------------------------------------------------------

COMPARE = {"EQ": np.equal, "NE": np.not_equal, "LT": np.less, "LE": np.less_equal, "GT": np.greater,
           "GE": np.greater_equal}
INT2 = {"ADD": np.add, "SUB": np.subtract, "MUL": np.multiply, "FLOORDIV": np.floor_divide, "MOD": np.mod,
        "FMOD": np.fmod, "POW": rule_power, "MINIMUM": np.minimum, "MAXIMUM": np.maximum,
        "BITAND": np.bitwise_and, "BITOR": np.bitwise_or, "BITXOR": np.bitwise_xor, "SHL": np.left_shift,
        "SHR": np.right_shift, "GCD": np.gcd, "LCM": np.lcm}
INT1 = {"NEG": np.negative, "ABS": np.abs, "SIGN": np.sign, "SQUARE": np.square, "RECIPROCAL": rule_reciprocal,
        "INVERT": np.invert, "BITCOUNT": np.bitwise_count}
FLOAT2 = {"ADD": np.add, "SUB": np.subtract, "MUL": np.multiply, "DIV": np.divide, "FLOORDIV": np.floor_divide,
          "MOD": np.mod, "FMOD": np.fmod, "COPYSIGN": np.copysign, "NEXTAFTER": np.nextafter,
          "HEAVISIDE": np.heaviside, "MINIMUM": rule_second_of_equals(np.minimum),
          "MAXIMUM": rule_second_of_equals(np.maximum), "FMIN": rule_second_of_equals(np.fmin),
          "FMAX": rule_second_of_equals(np.fmax)}
FLOAT1 = {"NEG": np.negative, "ABS": np.abs, "SIGN": np.sign, "SQUARE": np.square, "RECIPROCAL": np.reciprocal,
          "SQRT": np.sqrt, "FLOOR": np.floor, "CEIL": np.ceil, "TRUNC": np.trunc, "RINT": np.rint,
          "SPACING": np.spacing, "ISNAN": np.isnan, "ISINF": np.isinf, "ISFINITE": np.isfinite,
          "SIGNBIT": np.signbit}
BOOL2 = {"MINIMUM": np.minimum, "MAXIMUM": np.maximum, "BITAND": np.logical_and, "BITOR": np.logical_or,
         "BITXOR": np.logical_xor}


def main():
    line("gpuproc elementwise 1 numpy", np.__version__, "mpmath", mpmath.__version__)
    for t in ALL:
        put_set(f"a_{t}", A[t].view(bool) if t == "bool" else A[t])
        put_set(f"b_{t}", B[t].view(bool) if t == "bool" else B[t])
    for t in FLOATS:
        put_set(f"u_{t}", U[t])

    truth = {"a": A["bool"] != 0, "b": B["bool"] != 0}
    for op, f in {**COMPARE, **BOOL2}.items():
        put_op(op, "bool", f(truth["a"], truth["b"]), "a_bool", "b_bool")
    put_op("INVERT", "bool", ~truth["a"], "a_bool")

    for t in INTEGERS:
        for op, f in {**INT2, **COMPARE}.items():
            put_op(op, t, f(A[t], B[t]), f"a_{t}", f"b_{t}")
        for op, f in INT1.items():
            put_op(op, t, f(A[t]), f"a_{t}")
    for t in FLOATS:
        for op, f in {**FLOAT2, **COMPARE}.items():
            put_op(op, t, f(A[t], B[t]), f"a_{t}", f"b_{t}")
        for op, (f, g) in BINARY_EXACT.items():
            put_op(op, t, exact2(f, g)(A[t], B[t]), f"a_{t}", f"b_{t}")
        for op, f in FLOAT1.items():
            put_op(op, t, f(U[t]), f"u_{t}")
        for op, (f, g) in UNARY_EXACT.items():
            put_op(op, t, exact1(f, g)(U[t]), f"u_{t}")

    for t in ALL:
        a, b = (truth["a"], truth["b"]) if t == "bool" else (A[t], B[t])
        n = a.size
        c = np.resize(A["bool"], n)
        put_set(f"c_{t}", c.view(bool))
        put_op("WHERE", t, np.where(c != 0, a, b), f"c_{t}", f"a_{t}", f"b_{t}")
        source = U[t] if t in FLOATS else a
        name = f"u_{t}" if t in FLOATS else f"a_{t}"
        for to in ALL:
            put_op("CAST", t, rule_cast(source, to), name)
    # Around the ends of the integer ranges.
    for t in FLOATS:
        ends = np.array([s * (2.0 ** k) for k in (7, 8, 15, 16, 31, 32, 63, 64) for s in (1, -1)], t)
        v = np.concatenate([ends, np.nextafter(ends, np.array(0, t)), np.nextafter(ends, ends * 2), ends + t_half(t),
                            ends - t_half(t), np.array([127.5, 255.5, -128.5, -0.5, -0.9, -1.5, 0.9], t)]).astype(t)
        put_set(f"e_{t}", v)
        for to in ALL:
            put_op("CAST", t, rule_cast(v, to), f"e_{t}")
    line("end")
    path = pathlib.Path(__file__).with_name("elementwise.bin")
    path.write_bytes(out)
    print(f"{path.name}: {len(out)} bytes", file=sys.stderr)


def t_half(dtype):
    return np.array(0.5, dtype)


main()
