#!/usr/bin/env python3
"""Writes types.txt: the dtype that real NumPy gives each expression.

Usage: make_types.py > types.txt     (needs numpy and scipy)

One line per expression and dtype of y:

    y's dtype, or '-' | expression | results for each dtype of x, in DTYPES' order

A result is a dtype code, or 'E' where NumPy raises. Expressions without x have one result.
"""
import re
import warnings

import numpy as np
import scipy.special

warnings.simplefilter("ignore")
np.seterr(all="ignore")

DTYPES = ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]

UNARY = """
sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin asin arccos acos arctan atan sinh
cosh tanh arcsinh asinh arccosh acosh arctanh atanh erf floor ceil trunc fix rint round around spacing
isnan isinf isfinite isposinf isneginf signbit deg2rad radians rad2deg degrees sinc nan_to_num
absolute abs fabs sign square reciprocal negative positive invert bitwise_not bitwise_invert
bitwise_count logical_not real imag conj conjugate angle
""".split()

BINARY = """
add subtract multiply divide true_divide floor_divide remainder mod fmod power pow float_power arctan2
atan2 hypot logaddexp logaddexp2 copysign nextafter heaviside minimum maximum fmin fmax bitwise_and
bitwise_or bitwise_xor left_shift bitwise_left_shift right_shift bitwise_right_shift gcd lcm equal
not_equal less less_equal greater greater_equal logical_and logical_or logical_xor isclose
""".split()

OPERATORS = "+ - * / // % ** & | ^ << >> == != < <= > >=".split()

LITERALS = ["True", "0", "1", "2", "-1", "300", "-300", "70000", "2**31", "2**40", "2**63", "2**64",
            "1.5", "0.5", "2.0", "1e300", "inf", "nan", "1j", "1+2j"]

FEWER = ["True", "2", "-1", "300", "70000", "2**40", "2**63", "1.5", "2j"]

DTYPE_NAMES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
               "float16", "float32", "float64", "complex64", "complex128"]

LITERAL_ONLY = """
1 -1 True 1.5 1e3 2**31 2**62 2**63-1 -2**63 1/3 7//2 7.5//2 7%3 -7%3 2**-1 2**0.5 1<<4 256>>2 5&3 5|2
5^1 ~5 True&False True|False True^True ~True True+True -True +True True/2 1<2 1==1.0 2>3.0 sqrt(2) sqrt(2.0)
sqrt(True) add(1,2) add(1,2.0) add(True,True) subtract(True,True) add(True,1) multiply(2**40,2**40)
divide(1,2) floor_divide(1,2) power(2,3) power(2,-1) power(2.0,-1) arctan2(1,2) hypot(3,4) minimum(1,2)
maximum(1,2.0) minimum(True,False) bitwise_and(6,3) bitwise_and(6,1.0) left_shift(1,3) equal(1,2) less(1,2.0)
logical_and(1,0) logical_not(0) where(True,1,2) where(1,1.0,2) where(0,True,False) abs(-3) abs(-3.0)
abs(True) sign(-3) square(3) negative(3) invert(5) invert(True) invert(2.0) floor(2.5) floor(2) rint(2)
isnan(1) isnan(1.0) isfinite(1) signbit(-1) float32(1) int8(3) uint8(200) int8(300) uint8(-1) float64(1)
float32(1)+1 float32(1)+1.0 float32(1)+int8(1) int8(1)+1 int8(1)+200 float32(1)+int64(1) uint8(1)+int8(1)
uint64(1)+int64(1) bool_(1) sum(3) sum(True) sum(2.0) mean(3) max(3) min(2.0) any(1) all(0) argmax(3)
count_nonzero(5) var(3) std(2.0) prod(3) clip(3,1,2) clip(3,1.0,2) round(3) round(2.5) round(2.567,2)
isclose(1,2) isclose(1.0,2) nan_to_num(1.0) nan_to_num(1) sinc(1) deg2rad(180) pi e inf nan euler_gamma pi*2
pi+1 gcd(4,6) lcm(4,6) copysign(1,-1) heaviside(1,2) float_power(2,3) fmod(7,3) bitwise_count(7)
1j 1+2j 2j*2j 1j/2 1j**2 -1j 1j==1 abs(3+4j) float16(1) float16(1)+1 float16(1)*int16(2) complex64(1) complex64(1)+1.5 complex128(1j)
complex(1) complex(1j) float32(1)+1j int8(1)+1j float64(1)*1j float16(1)*2j angle(1j) real(1j) imag(1+2j) conj(1j) sqrt(-1+0j)
exp(1j) 1j<2 1j//2 1j%2 floor(1j) isnan(1j) where(True,1j,2) sum(1j) arange(5) arange(5.0) arange(0,1,0.5) linspace(0,1,5)
zeros(3) ones((2,2),dtype=float32) full(3,7) full(3,1.5) full(2,1j) eye(3) eye(2,dtype=int8) identity(2) tri(3) indices((2,3))
arange(3,dtype=float32) logspace(0,1,3) geomspace(1,8,4)
""".split()


def literal(text):
    return f"({text})" if re.search(r"[*+-]", text) else text


def expressions():
    """(with y?, expression)"""
    for f in UNARY:
        yield False, f"{f}(x)"
    for op in "+-~":
        yield False, f"{op}x"
    for f in BINARY:
        yield True, f"{f}(x,y)"
        for text in FEWER:
            yield False, f"{f}(x,{text})"
            yield False, f"{f}({text},x)"
    for op in OPERATORS:
        yield True, f"x{op}y"
        for text in LITERALS:
            yield False, f"x{op}{literal(text)}"
            yield False, f"{literal(text)}{op}x"
    for text in LITERALS:
        yield False, f"where(x,x,{text})"
        yield False, f"where(x,{text},x)"
        yield False, f"clip(x,{text},None)"
        yield False, f"clip(x,None,{text})"
        yield False, f"clip(x,0,{text})"
        yield False, f"x.clip(-1,{text})"
        yield False, f"x.clip(max={text})"
    yield True, "where(x,x,y)"
    yield True, "where(y,x,y)"
    yield True, "clip(x,y,y)"
    yield True, "clip(x,y,None)"
    yield True, "clip(x,0,y)"
    yield False, "where(x,1,2)"
    yield False, "where(x,1,2.0)"
    yield False, "where(x,True,2)"
    for d in (0, 1, 2, -1, -3):
        yield False, f"round(x,{d})"
        yield False, f"x.round({d})"
        yield False, f"round(x,decimals={d})"
    yield False, "isclose(x,x,rtol=0,atol=1,equal_nan=True)"
    yield False, "nan_to_num(x,nan=1)"
    yield False, "nan_to_num(x,posinf=1.5)"
    for f in "sum prod mean var std min max amin amax any all argmin argmax count_nonzero".split():
        yield False, f"{f}(x)"
        yield False, f"{f}(x,axis=None)"
        if f not in ("amin", "amax", "count_nonzero"):
            yield False, f"x.{f}()"
    for f in "sum prod mean var std".split():
        for dtype in DTYPE_NAMES:
            # Integer variances are left out on purpose: gpuproc has none.
            if f in ("var", "std") and not dtype.startswith("float"):
                continue
            yield False, f"{f}(x,dtype={dtype})"
            yield False, f"x.{f}(dtype={dtype})"
    for f in ("var", "std"):
        yield False, f"{f}(x,ddof=1)"
        yield False, f"x.{f}(ddof=1)"
        yield False, f"{f}(x,correction=1)"
    for dtype in DTYPE_NAMES:
        yield False, f"{dtype if dtype != 'bool' else 'bool_'}(x)"
        yield False, f"x.astype({dtype})"
        yield False, f"x+{dtype if dtype != 'bool' else 'bool_'}(1)"
    yield False, "x.astype('f4')"
    yield False, "x.astype('<i2')"
    # Scalars of arrays are strong.
    for text in ("x*x.sum()", "x-mean(x)", "x-x.max()", "x/count_nonzero(x)", "x**int8(2)", "x**2.0+1", "x+argmax(x)",
                 "(x>0)+1", "(x>0)*x", "(x>0)|(x<1)", "~(x>0)", "x+pi", "x*e", "x+1e-14", "x*1", "x*1.0", "1*x", "x/1", "x//1",
                 "x+True", "x*False", "-(x>0)", "-x+1", "x-1-1.5", "2*(x+1)", "2**x", "2.0**x", "(-1)**x", "x**2", "x**3",
                 "x**-2", "x**True", "abs(x)+1", "sqrt(float64(x))", "x==x.astype(int64)", "x&1", "x|1", "x>>1", "1<<x", "x<2**70", "x==-2**70"):
        yield False, text


def code(value):
    dtype = np.asarray(value).dtype
    return dtype.str[1:] if dtype.kind in "biufc" else "E"


def evaluate(text, names):
    if text.startswith("erf(") and np.iscomplexobj(names.get("x")):
        return "E"  # RULE: gpuproc's erf is of real numbers
    try:
        return code(eval(text, dict(names)))
    except Exception:
        return "E"


def main():
    names = {n: getattr(np, n) for n in dir(np) if not n.startswith("_")}
    names.update(erf=scipy.special.erf, int=int, float=float, abs=np.abs, pow=np.power)
    print(f"# NumPy {np.__version__}")
    print("# " + " ".join(DTYPES))
    for text in LITERAL_ONLY:
        print(f"-|{text}|{evaluate(text, names)}")
    seen = set()
    for with_y, text in expressions():
        if text in seen:
            continue
        seen.add(text)
        for y in DTYPES if with_y else ["-"]:
            row = []
            for x in DTYPES:
                scope = dict(names, x=np.array([1, 0, 1], x))
                if with_y:
                    scope["y"] = np.array([1, 1, 1], y)
                row.append(evaluate(text, scope))
            print(f"{y}|{text}|{' '.join(row)}")


if __name__ == "__main__":
    main()
