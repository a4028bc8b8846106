#!/usr/bin/env python3
"""Random matrices through gpuproc and through real NumPy: products of every shape class, dtype, order and transposition,
and linalg by its residuals.

    matrix.py --gpuproc build/bin/gpuproc [--count N] [--seed S] [--keep DIR] [--only products|linalg]

Case number k of seed S depends on S + k only; a failure prints the line that repeats it. Dtypes and shapes are always
equal to NumPy's. Integers, bools and integer-valued floats that fit the mantissa are equal; of other products each
element is within (k + 2) u (|A| |B|) of the exact one, found in extended precision. Every product runs with one and with
two threads: the bytes must be the same. Exits 77 without NumPy 2.
"""
import argparse
import math
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
np.seterr(all="ignore")
warnings.simplefilter("ignore")

EVERY = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64", "float32", "float64",
         "complex64", "complex128"]
FLOATS = ["float32", "float64", "complex64", "complex128"]
NAMES = {n: getattr(np, n) for n in dir(np) if not n.startswith("_")}
LENGTHS = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 127, 129, 200]


class Case:
    def __init__(self, seed, only):
        self.seed, self.r, self.rng = seed, random.Random(seed), np.random.default_rng(seed)
        self.inputs, self.fortran, self.big = {}, {}, {}
        self.linalg = only == "linalg" if only else self.r.random() < 0.35
        (self.make_linalg if self.linalg else self.make_product)()

    # ---- inputs

    def length(self, zero=0.04):
        return 0 if self.r.random() < zero else self.r.choice(LENGTHS)

    def array(self, name, shape, dtype, whole):
        r, rng, dtype = self.r, self.rng, np.dtype(dtype)
        n = math.prod(shape)
        if dtype.kind == "b":
            v = rng.integers(0, 2, n).astype(bool)
        elif dtype.kind in "iu":
            v = np.frombuffer(rng.bytes(n * dtype.itemsize), dtype).copy() if r.random() < 0.5 else rng.integers(0, 9, n).astype(dtype)
        else:
            v = rng.integers(-3, 4, n).astype(float) if whole else rng.normal(size=n) * 2.0 ** rng.integers(-3, 4, n)
            if dtype.kind == "c":
                v = v + 1j * (rng.integers(-3, 4, n) if whole else rng.normal(size=n))
            v = v.astype(dtype)
        self.inputs[name] = v.reshape(shape)
        self.fortran[name] = len(shape) > 1 and r.random() < 0.3
        self.big[name] = r.random() < 0.1
        return self.inputs[name]

    def stack(self):
        return tuple(self.r.choice([1, 2, 3]) for _ in range(self.r.choice([0, 0, 0, 1, 2])))

    # ---- products

    def make_product(self):
        r = self.r
        self.whole = r.random() < 0.35
        one = r.choice(EVERY)
        dtypes = (one, one if r.random() < 0.6 else r.choice(EVERY))
        m, k, n = self.length(), self.length(), self.length()
        self.k = k
        way = r.random()
        if way < 0.5:  # matrices, walked in any way
            flip = [r.random() < 0.3, r.random() < 0.3]
            x = self.array("x", (k, m) if flip[0] else (m, k), dtypes[0], self.whole)
            y = self.array("y", (n, k) if flip[1] else (k, n), dtypes[1], self.whole)
            a, b = "x.T" if flip[0] else "x", "y.T" if flip[1] else "y"
            if r.random() < 0.2:
                a = f"{a}[::-1]"
            if r.random() < 0.2:
                b = f"{b}[:, ::-1]"
            if r.random() < 0.15 and x.dtype.kind == "c":
                a = f"conj({a})"
            if r.random() < 0.15 and y.dtype.kind == "c":
                b = f"{b}.conj()"
            self.text = r.choice([f"{a} @ {b}", f"{a} @ {b}", f"matmul({a}, {b})", f"dot({a}, {b})", f"einsum('ij,jk->ik', {a}, {b})",
                                  f"einsum('ij,jk->ki', {a}, {b})", f"tensordot({a}, {b}, 1)", f"inner({a}, ({b}).T)", f"({a} @ {b}).T"])
        elif way < 0.7:  # stacks
            s = self.stack()
            other = tuple(1 if r.random() < 0.4 else d for d in s)[r.randint(0, len(s)):] if s else ()
            m, n = min(m, 20), min(n, 20)
            self.array("x", s + (m, k), dtypes[0], self.whole)
            self.array("y", other + (k, n), dtypes[1], self.whole)
            self.text = r.choice(["x @ y", "matmul(x, y)", "einsum('...ij,...jk->...ik', x, y)"])
        elif way < 0.85:  # vectors
            shapes = r.choice([((k,), (k,)), ((k,), (k, n)), ((m, k), (k,)), ((2, min(m, 9), k), (k,)), ((k,), (2, k, min(n, 9)))])
            self.array("x", shapes[0], dtypes[0], self.whole)
            self.array("y", shapes[1], dtypes[1], self.whole)
            self.text = r.choice(["x @ y", "matmul(x, y)"] + (["dot(x, y)"] if shapes[1] != (2, k, min(n, 9)) else []))
        else:  # x.T @ x
            self.k = m
            x = self.array("x", (m, min(n, m)), dtypes[0], self.whole)
            self.text = r.choice(["x.T @ x", "einsum('ij,ik->jk', x, x)", "dot(x.T, x)"])
            if x.dtype.kind == "c":
                self.text = r.choice(["x.T.conj() @ x", "conj(x).T @ x", self.text])
        self.results = ["c"]
        self.program = f"c = {self.text}"

    def exact(self, arrays):
        return np.asanyarray(eval(self.text, NAMES, arrays))

    def wrong_product(self, got):
        want, got = self.exact(self.inputs), got[0]
        if got.dtype != want.dtype or got.shape != want.shape:
            return f"{got.dtype}{got.shape}, not {want.dtype}{want.shape}"
        if want.size == 0 or want.dtype.kind in "biu":
            return None if np.array_equal(got, want) else f"{(got != want).sum()} of {got.size} differ"
        # NumPy's own result dtype first: an operand that is converted is rounded.
        converted = {n: v.astype(want.dtype) for n, v in self.inputs.items()}
        wide = np.clongdouble if want.dtype.kind == "c" else np.longdouble
        exact = self.exact({n: v.astype(wide) for n, v in converted.items()})
        sizes = self.exact({n: np.abs(v.astype(wide)) for n, v in converted.items()}).real
        if self.whole and not any(v.dtype.kind in "iu" for v in self.inputs.values()) and sizes.max() < 2048:
            return None if np.array_equal(got, exact.astype(want.dtype)) else f"integers: {(got != exact).sum()} of {got.size} differ"
        unit = np.finfo(np.float32 if want.dtype == np.float16 else want.dtype).eps / 2
        bound = (self.k + 2) * unit * sizes * (2 if want.dtype.kind == "c" else 1)
        if want.dtype == np.float16:
            bound = bound + np.finfo(np.float16).eps / 2 * np.abs(exact) + 2.0 ** -25
            exact = np.where(np.abs(exact) > 65000, got.astype(wide), exact)
        off = np.abs(got.astype(wide) - exact) > bound
        big = sizes > np.finfo(want.dtype).max / 4
        off &= ~big & np.isfinite(exact)
        if not off.any():
            return None
        at = int(np.argmax(off))
        return f"element {at}: {got.ravel()[at]!r}, exact {exact.ravel()[at]!r}, bound {bound.ravel()[at]:.3g} ({off.sum()} of {off.size})"

    # ---- linalg

    def make_linalg(self):
        r = self.r
        self.kind = r.choice(["solve", "inv", "det", "slogdet", "cholesky", "eigh", "svd", "svd_full", "qr", "qr_r", "lstsq", "pinv", "matrix_power", "svdvals",
                              "cov", "corrcoef", "multi_dot", "norm"])
        dtype, n, s = r.choice(FLOATS + ["int32"]), r.choice([1, 2, 3, 5, 8, 17, 40]), self.stack()[:1]
        tall = n + r.choice([0, 1, 5, 60, 700])
        square = self.kind in ("solve", "inv", "det", "slogdet", "cholesky", "eigh", "matrix_power")
        if self.kind in ("lstsq", "cov", "corrcoef", "multi_dot"):
            s = ()
        if self.kind in ("cov", "corrcoef") and dtype.startswith("c"):
            dtype = "float32"
        if self.kind in ("svd", "qr") and r.random() < 0.25:  # large enough to go row by row
            s, (tall, n) = (), r.choice([(30000, 9), (6000, 50), (90000, 3)])
        x = self.array("x", s + ((n, n) if square else (tall, n)), dtype, False)
        if tall > 5000 and r.random() < 0.6:  # and maybe not of full rank
            self.lower_rank(x)
        if square:
            x += (np.eye(n) * (20 if x.dtype.kind == "i" else 10 * n)).astype(x.dtype)
        y = self.array("y", s + (x.shape[-2], r.choice([1, 3])), dtype, False)
        self.text = {"solve": "c = linalg.solve(x, y)", "inv": "c = linalg.inv(x)", "det": "c = linalg.det(x / 64)", "slogdet": "c, d = linalg.slogdet(x)",
                     "cholesky": "c = linalg.cholesky(x @ x.conj().mT)", "eigh": "c, d = linalg.eigh(x + x.conj().mT)",
                     "svd": "c, d, e = linalg.svd(x, full_matrices=False)", "svd_full": "c, d, e = linalg.svd(x)", "qr": "c, d = linalg.qr(x)",
                     "qr_r": "c = linalg.qr(x, 'r')", "lstsq": "c, d, e, f = linalg.lstsq(x, y)", "pinv": "c = linalg.pinv(x)",
                     "matrix_power": "c = linalg.matrix_power(x, 3)", "svdvals": "c = linalg.svdvals(x)", "cov": "c = cov(x, rowvar=False)",
                     "corrcoef": "c = corrcoef(x, rowvar=False)", "multi_dot": "c = linalg.multi_dot([x, x.T, y])",
                     "norm": "c = linalg.norm(x, 'nuc', axis=(-2, -1))"}[self.kind]
        self.program = self.text
        self.results = self.text.split(" = ")[0].split(", ")

    def lower_rank(self, x):
        r, (m, n) = self.r, x.shape
        way = r.randrange(5)
        if way == 0:
            x[:, n // 2] = x[:, 0]
        elif way == 1:
            x[:, r.randrange(n)] = 0
        elif way == 2:
            x[:] = r.choice([0, 1, 3])
        elif way == 3:  # categories, and their sum
            x[:] = np.arange(m)[:, None] * n // m == np.arange(n)
            x[:, -1] = x[:, :-1].sum(axis=1)
        else:
            x[:, 1:] = x[:, :1] * np.arange(1, n).astype(x.dtype)

    def wrong_linalg(self, got):
        scope = dict(self.inputs)
        exec(self.text, dict(NAMES), scope)
        want = [np.asanyarray(scope[n]) for n in self.results]
        for g, w in zip(got, want):
            if g.dtype != w.dtype or g.shape != w.shape:
                return f"{self.kind}: {g.dtype}{g.shape}, not {w.dtype}{w.shape}"
        x, y = self.inputs["x"], self.inputs["y"]
        work = want[0].dtype if want[0].dtype.kind in "fc" else np.dtype(float)
        unit = np.finfo(work).eps
        h = lambda a: np.swapaxes(a.conj(), -1, -2)
        eye = lambda a: np.abs(h(a) @ a - np.eye(a.shape[-1])).max(initial=0)
        size = np.abs(x.astype(complex)).max(initial=1) * max(x.shape[-2:])
        # cov of one observation is NaN on both sides.
        far = lambda a, b: float(np.where(np.isnan(a) & np.isnan(b), 0, np.abs(a.astype(complex) - b.astype(complex))).max(initial=0))
        limit = 50 * max(x.shape[-2:]) * unit
        if self.kind in ("svd", "svd_full"):
            k = got[1].shape[-1]
            made = (got[0][..., :k] * got[1][..., None, :]) @ got[2][..., :k, :]
            worst = max(far(made, x) / size, eye(got[0]), eye(h(got[2])))
        elif self.kind == "qr":
            worst = max(far(got[0] @ got[1], x) / size, eye(got[0]), float(np.abs(np.tril(got[1], -1)).max(initial=0)))
        elif self.kind == "qr_r":
            worst = far(h(got[0]) @ got[0], h(x).astype(work) @ x.astype(work)) / size ** 2
        elif self.kind == "eigh":
            worst = max(far((got[1] * got[0][..., None, :]) @ h(got[1]), x + h(x)) / size, eye(got[1]))
        elif self.kind == "solve":
            worst = far(x @ got[0], y) / (size * max(1, np.abs(got[0]).max(initial=0)))
        else:
            scale = max(1.0, *(float(np.abs(w.astype(complex)).max(initial=0)) for w in want))
            cond = float(np.max(np.linalg.cond(x.astype(complex)))) if self.kind in ("lstsq", "pinv", "inv") and min(x.shape) else 1
            worst, limit = max(far(g, w) for g, w in zip(got, want)) / scale, limit * max(1, cond) ** 2
        return None if worst <= limit else f"{self.kind}: off by {worst:.3g}, limit {limit:.3g}"

    def wrong(self, got):
        return self.wrong_linalg(got) if self.linalg else self.wrong_product(got)


def save(case, folder):
    words = []
    for name, v in case.inputs.items():
        a = v.astype(v.dtype.newbyteorder(">")) if case.big[name] else v
        np.save(folder / f"{name}.npy", np.asfortranarray(a) if case.fortran[name] else a)
        words.append(f"{name}={folder}/{name}.npy")
    return words


def check(case, options, folder):
    """What is wrong, and the command that shows it."""
    words, first = save(case, folder), None
    used = [w for w in words if re.search(rf"\b{w[0]}\b", case.program)]
    memory = case.r.choice([[], ["--memory", "64M"], ["--memory", "16M"]])
    for threads in ("1", "2"):
        outs = [w for n in case.results for w in ("-o", f"{n}={folder}/{n}.npy")]
        argv = [options.gpuproc, "eval", "-q", "-f", "--device", "cpu", "--threads", threads, *memory, *outs, "--", case.program, *used]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        if "memory budget leaves" in done.stderr and "16M" in memory:
            return None, None
        if done.returncode != 0:
            return f"exit {done.returncode}: {done.stderr.strip()[-300:]}", argv
        got = [np.load(folder / f"{n}.npy") for n in case.results]
        problem = case.wrong(got)
        if problem:
            return problem, argv
        data = [g.tobytes() for g in got]
        if first is not None and data != first:
            return "other bytes with another number of threads", argv
        first = data
    return None, None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gpuproc", default="build/bin/gpuproc")
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", metavar="DIR", help="keep the files of failures here")
    parser.add_argument("--only", choices=["products", "linalg"])
    options = parser.parse_args()
    failures, skipped = 0, 0
    for seed in range(options.seed, options.seed + options.count):
        case = Case(seed, options.only)
        try:
            scope = dict(case.inputs)
            exec(case.program, dict(NAMES), scope)
        except Exception:
            skipped += 1
            continue
        with tempfile.TemporaryDirectory(prefix="gpuproc-matrix-") as name:
            folder = pathlib.Path(name)
            problem, argv = check(case, options, folder)
            if problem is None:
                continue
            failures += 1
            place = str(pathlib.Path(options.keep) / str(seed)) if options.keep else name
            if options.keep:
                shutil.copytree(folder, place, dirs_exist_ok=True)
            inputs = ", ".join(f"{n}: {v.dtype}{list(v.shape)}{' F' if case.fortran[n] else ''}{' big' if case.big[n] else ''}" for n, v in case.inputs.items())
            only = f" --only {options.only}" if options.only else ""
            print(f"FAIL --seed {seed} --count 1{only}\n  {problem}\n  {inputs}\n  {shlex.join(argv).replace(name, place)}", flush=True)
    print(f"{options.count} cases, {skipped} that NumPy refuses: {failures} failures")
    sys.exit(1 if failures else 0)


main()
