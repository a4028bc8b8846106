#!/usr/bin/env python3
"""normal.txt: the quantile of the standard normal distribution at ((x >> 11) + 0.5) * 2^-53 for
the x of each line, correctly rounded: two hexadecimal numbers, x and the float64's bits."""
import os
import random
import struct

import mpmath

mpmath.mp.prec = 200


def quantile(k):
    twice = 2 * k + 1 - 2**53  # erf(z / sqrt(2)) * 2^53
    tail = (2**53 - abs(twice)) / mpmath.mpf(2) ** 54
    if twice == 0:
        return mpmath.mpf(0)
    start = abs(twice) / mpmath.mpf(2) ** 53
    if tail > 0.01:
        z = mpmath.sqrt(2) * mpmath.erfinv(start)
    else:
        guess = mpmath.sqrt(-2 * mpmath.log(tail))
        # Newton on log(erfc), which is nearly a parabola out there.
        z = guess
        for _ in range(60):
            f = mpmath.erfc(z / mpmath.sqrt(2)) / 2
            step = (mpmath.log(f) - mpmath.log(tail)) * f * mpmath.sqrt(2 * mpmath.pi) * mpmath.exp(z * z / 2)
            z += step
            if abs(step) < mpmath.mpf(2) ** -150:
                break
    return z if twice > 0 else -z


def main():
    rng = random.Random(241)
    ks = {0, 1, 2, 3, 2**53 - 1, 2**53 - 2, 2**52, 2**52 - 1, 2**52 + 1, 2**51}
    # Where one approximation hands over to the next: |p - 1/2| = 0.425, p = exp(-25).
    for border in (0.075 * 2**53, 0.925 * 2**53, float(mpmath.exp(-25)) * 2**53):
        ks.update(int(border) + d for d in range(-3, 4))
    for bits in range(1, 53):
        for _ in range(4):
            ks.add(rng.getrandbits(bits))
            ks.add(2**53 - 1 - rng.getrandbits(bits))
            ks.add(2**52 + rng.getrandbits(bits - 1) * rng.choice((1, -1)))
    ks.update(rng.getrandbits(53) for _ in range(400))
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "normal.txt")
    with open(path, "w") as out:
        for k in sorted(ks):
            low = rng.getrandbits(11)  # has no say
            bits = struct.unpack("<Q", struct.pack("<d", float(quantile(k))))[0]
            out.write(f"{k << 11 | low:016x} {bits:016x}\n")


main()
