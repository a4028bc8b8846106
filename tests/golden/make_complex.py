#!/usr/bin/env python3
"""Writes complex.txt: what real NumPy gives for complex128.

Usage: make_complex.py > complex.txt     (needs numpy)

One line per expression and operands: expression|x.re x.im y.re y.im|result.re result.im, numbers as C's
hexadecimal floats. A real result has no second number, a bool is 0 or 1.
"""
import math
import re
import warnings

import numpy as np

warnings.simplefilter("ignore")
np.seterr(all="ignore")

UNARY = """
sqrt(x) exp(x) exp2(x) expm1(x) log(x) log2(x) log10(x) log1p(x) sin(x) cos(x) tan(x) sinh(x) cosh(x) tanh(x)
arcsin(x) arccos(x) arctan(x) arcsinh(x) arccosh(x) arctanh(x) square(x) reciprocal(x) sign(x) negative(x) conj(x)
abs(x) angle(x) angle(x,deg=True) isnan(x) isinf(x) isfinite(x) x.real x.imag logical_not(x) rint(x) x**2 x**-1 x**3
x**0 x**0.5 x**7 x**-3 sinc(x) where(x,x,1) round(x,1) clip(x,-1,1j) x.astype(float64) nan_to_num(x)
""".split()

BINARY = """
x+y x-y x*y x/y x==y x!=y x<y x<=y x>y x>=y maximum(x,y) minimum(x,y) fmax(x,y) fmin(x,y) logical_and(x,y)
x/2 2/x x*1j x-1 1-x isclose(x,y)
""".split()

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, math.inf, -math.inf, math.nan]
LARGE = [1e200, -1e300, 1e308, 1e-200, 1e-310, 30.0, -700.0]


def number(value):
    """Hexadecimal without zeros at the end."""
    value = float(value)
    return repr(value) if not math.isfinite(value) else re.sub(r"\.?0*p", "p", value.hex())


def put(expression, x, y):
    names = {n: getattr(np, n) for n in dir(np) if not n.startswith("_")}
    names.update(x=np.array([x]), y=np.array([y]), abs=np.abs, round=np.round)
    result = np.asarray(eval(expression, names)).ravel()[0]
    parts = [result.real, result.imag] if isinstance(result, np.complexfloating) else [result]
    operands = [x.real, x.imag, y.real, y.imag]
    print(f"{expression}|{' '.join(map(number, operands))}|{' '.join(map(number, parts))}")


def main():
    rng = np.random.default_rng(3)
    print(f"# NumPy {np.__version__}")
    special = [complex(a, b) for a in SPECIAL for b in SPECIAL]
    # Most expressions treat these alike: each takes a third of them.
    large = [complex(a, b) for a in LARGE for b in LARGE + [0.0, 1.0]]
    plain = [complex(*rng.normal(size=2)) for _ in range(8)] + [complex(*(rng.normal(size=2) * 5)) for _ in range(8)]
    for k, expression in enumerate(UNARY):
        # RULE: NumPy's square and product may be fused, its log1p loses small arguments.
        few = "x**" in expression or expression in ("square(x)", "log1p(x)")
        for x in special + plain + ([] if few else large[k % 3::3]):
            put(expression, x, 0j)
    for k, expression in enumerate(BINARY):
        pairs = list(zip(special, reversed(special))) + [(x, x) for x in special] + list(zip(plain, reversed(plain)))
        pairs += list(zip(large, reversed(large)))[k % 3::3]
        for x, y in pairs + [(x, 2 - 1j) for x in special[k % 3::3]]:
            put(expression, x, y)
    for x in special:
        put("2**x", x, 0j)
        put("0.5**x", x, 0j)
    for x, y in zip(plain, reversed(plain)):
        put("x**y", x, y)
    for x in (0j, 1 + 2j):
        for y in (0j, 2 + 0j, 1j, -1 + 0j):
            put("x**y", x, y)


if __name__ == "__main__":
    main()
