#!/usr/bin/env python3
"""Writes tests/golden/sums.txt: lists of float64 and the exact results over them.

Each line is `name dtype sum mean : elements`, floats as C hexadecimal. The sum is the
exact sum (fractions.Fraction) rounded once to the dtype; math.fsum checks it where it can.
The mean is round(sum) / n, taken without overflow on the way. Needs Python 3 only.
"""
import math
import os
import random
import struct
from fractions import Fraction


def round_to(x, digits, lowest, largest):
    """Fraction to float, to nearest even, `digits` bits, no bit below 2**lowest."""
    if x == 0:
        return 0.0
    m = abs(x)
    e = m.numerator.bit_length() - m.denominator.bit_length()
    if Fraction(2) ** e > m:
        e -= 1
    unit = Fraction(2) ** max(e - digits + 1, lowest)
    q, r = divmod(m, unit)
    if 2 * r > unit or (2 * r == unit and q % 2 == 1):
        q += 1
    v = q * unit
    f = math.inf if v > largest else float(v)
    return -f if x < 0 else f


F32_MAX = Fraction((2 ** 24 - 1) * 2 ** 104)
F64_MAX = Fraction((2 ** 53 - 1) * 2 ** 971)


def round64(x):
    return round_to(x, 53, -1074, F64_MAX)


def f32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def mean_of(exact, n, dtype):
    total = round64(exact)
    if math.isinf(total):
        # the sum is only too large for float64's exponent
        total = Fraction(round64(exact / 2 ** 64))
        mean = round64(Fraction(round64(total / n)) * 2 ** 64)
    else:
        mean = total / n
    return round_to(Fraction(mean), 24, -149, F32_MAX) if dtype == "f4" else mean


def main():
    rng = random.Random(20260101)
    cases = []
    for name, values in [
        ("one", [1.5]),
        ("tie_even", [2.0 ** 53, 1.0]),
        ("tie_odd", [2.0 ** 53 + 2, 1.0]),
        ("tie_broken", [2.0 ** 53, 1.0, 5e-324]),
        ("tie_below", [2.0 ** 53, 1.0, -5e-324]),
        ("ill", [1.0, 1e100, 1.0, -1e100] * 25),
        ("cancel", [1e308, 1.0, -1e308]),
        ("overflow_between", [1.7e308, 1.7e308, -1.7e308, -1.7e308, 3.0]),
        ("overflow", [1.7e308] * 4),
        ("largest_edge", [1.7976931348623157e308, 9.9792015476736e291]),
        ("below_edge", [1.7976931348623157e308, 9.979201547673598e291]),
        ("tiny", [5e-324] * 3),
        ("tiny_cancel", [5e-324, -5e-324, 5e-324]),
        ("subnormal_to_normal", [2.2250738585072009e-308, 5e-324]),
        ("all_ranges", [2.0 ** e for e in range(-1074, 1023, 7)]),
        ("alternating", [(-1) ** e * 2.0 ** e for e in range(-1074, 1023, 3)]),
        ("negative", [-0.1] * 10),
    ]:
        cases.append((name, "f8", values))
    for k in range(8):
        spread = [0, 5, 30, 60, 200, 600, 900, 1000][k]
        values = [math.ldexp(rng.uniform(-1, 1), rng.randint(-spread, spread)) for _ in range(60)]
        cases.append((f"random_{spread}", "f8", values))
        cases.append((f"random_cancelled_{spread}", "f8", values + [-v for v in values[:-1]]))
    for name, values in [
        ("tie_even", [2.0 ** 24, 1.0]),
        ("tie_odd", [2.0 ** 24 + 2, 1.0]),
        ("no_double_rounding", [2.0 ** 24, 1.0, 2.0 ** -40]),
        ("no_double_rounding_far", [2.0 ** 24, 1.0, 2.0 ** -100]),
        ("overflow", [3e38, 3e38]),
        ("overflow_between", [3e38, 3e38, -3e38]),
        ("edge", [3.4028234663852886e38, 1.0141204801825835e31]),
        ("below_edge", [3.4028234663852886e38, 1.0141204e31]),
        ("tiny", [1.401298464324817e-45] * 5),
        ("subnormal_tie", [2.0 ** -149] * 3),
    ]:
        cases.append((name, "f4", [f32(v) for v in values]))
    for spread in [0, 10, 40, 100]:
        values = [f32(math.ldexp(rng.uniform(-1, 1), rng.randint(-spread, spread))) for _ in range(60)]
        cases.append((f"random_{spread}", "f4", values))

    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "sums.txt"), "w") as out:
        for name, dtype, values in cases:
            exact = sum(map(Fraction, values))
            if dtype == "f8":
                total = round64(exact)
                try:
                    assert math.fsum(values) == total, name
                except OverflowError:
                    pass
            else:
                total = round_to(exact, 24, -149, F32_MAX)
            mean = mean_of(exact, len(values), dtype)
            print(name, dtype, total.hex(), mean.hex(), ":", *[v.hex() for v in values], file=out)


main()
