#!/usr/bin/env python3
"""Programs around products of matrices, cut in many ways, against real NumPy.

    matrix_deep.py --gpuproc build/bin/gpuproc [--count N] [--seed S] [--keep DIR] [--tight]

Elements are small integers, so that every product is exact whatever the order in which it is added up: results are equal
to NumPy's, in every byte, with any --memory, --chunk, --slots and --threads (means and quotients within a few units).
Case number k of seed S depends on S + k only. What is varied: operands from .npy, raw files and standard input, Fortran
order, big-endian, views of them, expressions; products that are stored (read twice, viewed, an operand of another),
what is done to their elements, reductions, scans, selections; outputs as .npy, raw files and pipes. --tight: matrices of
several MB with a budget of a few, so that they are cut into tiles, strips and panels. Exits 77 without NumPy 2.
"""
import argparse
import math
import pathlib
import random
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

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64", "float16"] + ["float32", "float64"] * 5 + ["complex64", "complex128"] * 2
NAMES = {n: getattr(np, n) for n in dir(np) if not n.startswith("_")}
LENGTHS = [1, 2, 3, 7, 8, 17, 33, 64, 65, 100, 129, 200, 257]
LONG = [64, 127, 256, 300, 513, 700, 1024, 1500]


class Case:
    def __init__(self, seed, tight):
        self.seed, self.r, self.rng, self.tight = seed, random.Random(seed), np.random.default_rng(seed), tight
        self.inputs, self.how, self.program, self.names, self.near = {}, {}, [], [], set()
        self.stdin = None
        self.make()

    def length(self):
        r = self.r
        if self.tight:
            return r.choice(LONG if r.random() < 0.85 else LENGTHS)
        return 0 if r.random() < 0.02 else r.choice(LENGTHS)

    def array(self, name, shape, dtype):
        dtype, n = np.dtype(dtype), math.prod(shape)
        low, high = (0, 2) if dtype.kind in "bu" or dtype == np.float16 else (-2, 3)
        v = self.rng.integers(low, high, n)
        if dtype == np.float16 or self.r.random() < 0.3:  # sums of float16 stay exact
            v *= self.rng.random(n) < 0.1
        v = v.astype(dtype)
        if dtype.kind == "c":
            v += (1j * self.rng.integers(-2, 3, n)).astype(dtype)
        self.inputs[name] = v.reshape(shape)
        self.how[name] = {"order": "F" if len(shape) > 1 and self.r.random() < 0.3 else "C", "big": self.r.random() < 0.1,
                          "raw": self.r.random() < 0.15}
        if self.stdin is None and self.how[name]["order"] == "C" and self.r.random() < 0.06:
            self.stdin = name

    def operand(self, rows, columns, dtype):
        """The text of a (rows, columns) operand: a new input, walked in some way."""
        r, name = self.r, "abdfghx"[len(self.inputs)]
        way = r.random()
        if way < 0.4:
            self.array(name, (rows, columns), dtype)
            text = name
        elif way < 0.6:
            self.array(name, (columns, rows), dtype)
            text = f"{name}.T"
        elif way < 0.67:
            self.array(name, (rows, columns), dtype)
            text = r.choice([f"{name}[::-1]", f"{name}[:, ::-1]", f"{name}[::-1, ::-1]", f"flip({name})"])
        elif way < 0.75:
            self.array(name, (rows + 3, columns + 5), dtype)
            text = f"{name}[2:{rows + 2}, 1:{columns + 1}]"
        elif way < 0.8:
            self.array(name, (rows, 2 * columns), dtype)
            text = f"{name}[:, ::2]"
        elif way < 0.84:
            self.array(name, (3 * rows, columns), dtype)
            text = f"{name}[::-3]"
        elif way < 0.88:
            self.array(name, (rows * columns,), dtype)
            text = f"{name}.reshape({rows}, {columns})"
        elif way < 0.92:
            self.array(name, (rows, columns), dtype)
            text = r.choice([f"({name} + {name})", f"({name} * 2 - 1)", f"where({name} > 0, {name}, 1)", f"abs({name})", f"roll({name}, 1, axis=0)",
                             f"concatenate(({name}[:1], {name}[1:]))", f"cumsum({name} * 0, axis=1)"])
            if np.dtype(dtype).kind in "bc":
                text = f"({name} + {name})"
        elif way < 0.96:
            self.array(name, (columns,), dtype)
            text = f"broadcast_to({name}, ({rows}, {columns}))"
        else:
            self.array(name, (rows, 1), dtype)
            text = f"broadcast_to({name}, ({rows}, {columns}))"
        if np.dtype(dtype).kind == "c" and r.random() < 0.3:
            text = r.choice([f"conj({text})", f"({text}).conj()"])
        return text

    def stacks(self, one, other):
        """A stack of products: the text, and the shape of the result."""
        r = self.r
        most = 3000 if self.tight else 40
        stack = tuple(r.choice([1, 2, 3, 7, most]) for _ in range(r.choice([1, 1, 2])))
        while math.prod(stack) > most:
            stack = stack[:-1] + (max(1, stack[-1] // 2),)
        small = [1, 2, 3, 5, 8, 16, 17, 33] if math.prod(stack) > 20 else LENGTHS
        m, k, n = r.choice(small), r.choice(small), r.choice(small)
        if self.tight and r.random() < 0.4:
            stack, m, k, n = (r.choice([2, 3, 5]),), *(r.choice([100, 257, 400, 513]) for _ in range(3))
        other_stack = r.choice([stack, stack, (), tuple(1 if r.random() < 0.5 else d for d in stack), stack[1:]])
        flip = r.random() < 0.3, r.random() < 0.3
        self.array("a", stack + ((k, m) if flip[0] else (m, k)), one)
        self.array("b", other_stack + ((n, k) if flip[1] else (k, n)), other)
        a, b = "a.mT" if flip[0] else "a", "b.mT" if flip[1] else "b"
        if r.random() < 0.2:
            a = f"{a}[::-1]"
        if r.random() < 0.1 and not other_stack:
            a, b = f"({b}).T", f"swapaxes({a}, -1, -2)"
            m, n = n, m
        return r.choice([f"{a} @ {b}", f"matmul({a}, {b})", f"einsum('...ij,...jk->...ik', {a}, {b})"]), stack + (m, n)

    def make_stacks(self):
        r, one = self.r, self.r.choice(DTYPES)
        other = one if r.random() < 0.8 else r.choice(DTYPES)
        text, shape = self.stacks(one, other)
        self.array("v", shape[-1:], one), self.array("z", shape, one)
        p = "p" if r.random() < 0.6 else f"({text})"
        if p == "p":
            self.program.append(f"p = {text}")
        plus = "|" if np.result_type(one, other).kind == "b" else "+"
        for _ in range(r.randint(1, 3) if p == "p" else 1):
            self.put(r.choice([p, f"{p} {plus} v", f"{p} {plus} z", f"sum({p})", f"sum({p}, axis=0)", f"sum({p}, axis=-1)", f"{p}.mT", f"{p}.T", f"{p}[::-1]",
                               f"{p}[..., ::-1]", f"{p}[0]", f"{p}[..., 0]", f"{p}[1:] {plus} 1", f"{p} @ z.mT", f"cumsum({p}, axis=0)", f"{p}.reshape(-1)",
                               f"trace({p}, axis1=-2, axis2=-1)", f"count_nonzero({p}, axis=(0, -1))", f"where({p} == 0, z, {p})", f"{p} * z", f"{p}[{p} != 0]",
                               f"einsum('...ij->...ji', {p})", f"moveaxis({p}, 0, -1)", f"sum({p} * z, axis=(-1, -2))"]))

    def put(self, text, near=False):
        name = f"r{len(self.names)}"
        self.program.append(f"{name} = {text}")
        self.names.append(name)
        if near:
            self.near.add(name)
        return name

    def make(self):
        r = self.r
        if r.random() < 0.25:
            self.make_stacks()
            return
        one = r.choice(DTYPES)
        other = one if r.random() < 0.75 else r.choice(DTYPES)
        m, k, n = self.length(), self.length(), self.length()
        if self.tight and r.random() < 0.2:  # tall
            m, k, n = r.choice([(30000, 20, 30), (20, 40000, 30), (40, 30, 20000), (30000, 64, 1), (1, 30000, 40), (5000, 5, 700)])
        a, b = self.operand(m, k, one), self.operand(k, n, other)
        if r.random() < 0.08:
            a, b, n = f"({a}).T", a, k
        product = r.choice([f"{a} @ {b}"] * 3 + [f"matmul({a}, {b})", f"dot({a}, {b})", f"einsum('ij,jk->ik', {a}, {b})"])
        kind = np.result_type(one, other)
        complex_, bool_ = kind.kind == "c", kind.kind == "b"
        self.array("v", (n,), one), self.array("u", (m, 1), one), self.array("w", (n, self.length() if not self.tight else 50), one)
        self.array("z", (m, n), one)
        p = "p"
        stored = r.random() < 0.55
        if stored:
            self.program.append(f"p = {product}")
            if r.random() < 0.4:
                self.names.append("p")
        for _ in range(r.randint(1, 4) if stored else 1):
            self.consume(p if stored else f"({product})", complex_, bool_, kind)

    def consume(self, p, complex_, bool_, kind):
        r = self.r
        plus = "|" if bool_ else "+"
        ways = [f"{p} {plus} v", f"{p} {plus} u", f"{p} {plus} z", f"sum({p})", f"sum({p}, axis=0)", f"sum({p}, axis=1)", f"{p} {plus} 1", f"({p}).T",
                f"({p})[::-1]", f"({p})[:, ::-1]", f"({p})[1:, ::2]", f"{p} @ w", f"where({p} == 0, v, {p})", f"count_nonzero({p}, axis=0)", f"{p} == z",
                f"any({p}, axis=1)", f"all({p}, axis=0)", f"trace({p})", f"diag({p})", f"({p}).T {plus} u.T", f"concatenate(({p}, z))", f"stack(({p}, z))",
                f"({p}).reshape(-1)", f"{p} * {p}", f"{p} @ ({p}).T", f"({p}).T @ {p}", f"({p})[:5] {plus} ({p})[-1]", f"roll({p}, 1)", f"pad({p}, 1)",
                f"flatnonzero({p})", f"({p})[{p} != 0]", f"ravel({p})[::-3]", f"{p}", f"({p}).astype('complex128')", f"{p} {plus} ({p})[0]",
                f"{p} @ v", f"u.T @ {p}", f"vdot({p}, {p})", f"tensordot({p}, z)", f"cumsum({p}, axis=0)", f"cumsum({p}, axis=1)", f"cumsum({p})",
                f"({p})[0, :]", f"({p})[:, -1]", f"{p} {plus} v[::-1]", f"{p} @ w {plus} 1",
                f"maximum({p} {plus} v, 0)" if not complex_ else f"({p}).real", f"sum({p} * z)", f"array_equal({p}, {p})", f"repeat({p}, 2, axis=0)",
                f"tile({p}, 2)", f"take({p}, [0, 0], axis=0)", f"expand_dims({p}, 0) {plus} 1", f"einsum('ij->ji', {p})", f"einsum('ij,ij->i', {p}, z)"]
        if not complex_:
            ways += [f"max({p})", f"min({p}, axis=0)", f"argmax({p}, axis=1)", f"argmin({p})", f"maximum({p}, 0)",
                     f"clip({p}, -1, 1)", f"unique({p})", f"({p})[{p} > 1]", f"maximum.accumulate({p}, axis=0)", f"median({p}, axis=1)", f"isin({p}, [0, 1])"]
        if kind.kind == "f" and kind != np.float16:
            ways += [f"{p} - max({p}, axis=1, keepdims=True)", f"{p} / (1 + abs(v))", f"quantile({p}, 0.25)", f"median({p})", f"histogram({p}, 5)[0]"]
            if r.random() < 0.15:
                self.put(r.choice([f"mean({p}, axis=0)", f"std({p})", f"{p} - mean({p}, axis=0)", f"var({p}, axis=1)", f"exp(-abs({p}))", f"linalg.norm({p})"]), near=True)
                return
        if r.random() < 0.06 and not complex_ and not bool_:  # two products in one pass, of the same shape
            ways = [f"{p} - (u @ v[None, :])", f"({p}) + outer(u, v)", f"maximum({p}, (u * 2) @ v.reshape(1, -1))"]
        self.put(r.choice(ways))

    def run(self):
        scope = dict(NAMES)
        scope.update(self.inputs)
        exec("; ".join(self.program), scope)
        return {n: np.asanyarray(scope[n]) for n in self.names}


def save(case, folder):
    words = []
    for name, v in case.inputs.items():
        how = case.how[name]
        a = v.astype(v.dtype.newbyteorder(">")) if how["big"] and v.dtype.itemsize > 1 else v
        path = folder / name
        if name == case.stdin:
            with open(path, "wb") as f:
                np.save(f, a)
            words.append(f"{name}=-")
        elif how["raw"] and v.size:
            a.ravel(order=how["order"]).tofile(path)
            words.append(f"{name}={path},dtype={a.dtype.str.replace('|', '')},shape={'x'.join(map(str, v.shape))}" + (",order=F" if how["order"] == "F" else ""))
        else:
            with open(path, "wb") as f:
                np.save(f, np.asfortranarray(a) if how["order"] == "F" else a)
            words.append(f"{name}={path}")
    return words


def settings(case):
    r = case.r
    first = ["--threads", "1"]
    if case.tight:
        some = [["--memory", r.choice(["3M", "4M", "5M", "6M", "8M", "12M"]), "--threads", t] for t in r.sample(["1", "2", "5"], 2)]
        some[1][1] = some[0][1]
        return some
    more = []
    for _ in range(2):
        o = ["--threads", r.choice(["1", "2", "5"])]
        if r.random() < 0.5:
            o += ["--memory", r.choice(["3M", "4M", "8M", "64M"])]
        if r.random() < 0.5:
            o += ["--chunk", r.choice(["16K", "64K", "1K", "1M"])]
        if r.random() < 0.3:
            o += ["--slots", r.choice(["1", "2", "4"])]
        if r.random() < 0.1:
            o += ["--sync"]
        more.append(o)
    return [first] + more


def check(case, options, folder):
    import re
    want = case.run()
    words = save(case, folder)
    text = "; ".join(case.program)
    used = [w for w in words if re.search(rf"\b{w.split('=')[0]}\b", text)]
    if not any(w.endswith("=-") for w in used):
        case.stdin = None
    arrays = [n for n, w in want.items() if w.ndim > 0]
    raw = {n for n in arrays if case.r.random() < 0.2}
    pipe = case.r.choice(arrays) if arrays and case.r.random() < 0.15 and len(arrays) == len(want) else None
    for extra in settings(case):
        outs = []
        for n in arrays:
            outs += ["-o", f"{n}={'-' if n == pipe else folder / (n + '.out')}" + (",format=raw" if n in raw else "")]
        argv = [options.gpuproc, "eval", "-q", "-f", "--device", "cpu", *extra, *outs, "--", text, *used]
        stdin = open(folder / case.stdin, "rb") if case.stdin else subprocess.DEVNULL
        try:
            done = subprocess.run(argv, capture_output=True, timeout=60, stdin=stdin)
        except subprocess.TimeoutExpired:
            return "hangs", argv
        err = done.stderr.decode()
        if done.returncode != 0:
            if "memory budget" in err and "--memory" in extra:
                options.refused.append((extra, case.program, err))
                continue
            return f"exit {done.returncode}: {err.strip()[-400:]}", argv
        out = done.stdout
        if pipe:
            (folder / (pipe + ".out")).write_bytes(out)
        lines = {} if pipe else dict(l.split(" = ", 1) for l in out.decode().splitlines() if " = " in l)
        for n, w in want.items():
            if w.ndim == 0:
                told = lines.get(n, out.decode().strip())
                got = complex(told.replace("(", "").replace(")", "")) if w.dtype.kind == "c" else {"True": 1, "False": 0}.get(told, None)
                if got is None:
                    got = int(told) if w.dtype.kind in "iu" else float(told)
                good = np.isclose(complex(got), complex(w), rtol=1e-3) if n in case.near or (w.dtype.kind in 'fc' and abs(w) >= 2 ** 24) else (
                    got == w or (w.dtype.kind == "f" and np.dtype(w.dtype).type(got) == w))
                if not good and not (got != got and w != w):
                    return f"{n}: {told}, not {w}", argv
                continue
            path = folder / (n + ".out")
            if n in raw:
                data = np.fromfile(path, w.dtype)
                if data.size != w.size:
                    return f"{n}: {data.size} elements, not {w.size}", argv
                got = data.reshape(w.shape)
            else:
                got = np.load(path)
            if got.dtype != w.dtype or got.shape != w.shape:
                return f"{n}: {got.dtype}{got.shape}, not {w.dtype}{w.shape}", argv
            if n in case.near:
                if not np.allclose(got, w, rtol=1e-4, atol=1e-4):
                    return f"{n}: far", argv
            elif w.dtype in (np.float32, np.complex64) and np.abs(w).max(initial=0) >= 2 ** 24:
                if not np.allclose(got, w, rtol=1e-5, atol=1):
                    return f"{n}: far", argv
            elif not np.array_equal(got, w, equal_nan=w.dtype.kind in "fc"):
                bad = np.argwhere((got != w))
                at = tuple(bad[0])
                return f"{n}: {len(bad)} of {w.size} differ, first {at}: {got[at]}, not {w[at]}; last {tuple(bad[-1])}", argv
    return None, None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gpuproc", default="build/bin/gpuproc")
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", metavar="DIR", help="keep the files of failures here")
    parser.add_argument("--tight", action="store_true", help="matrices of several MB and a budget of a few")
    parser.add_argument("--refusals", action="store_true", help="tell what was refused for its memory")
    options = parser.parse_args()
    options.refused = []
    failures, skipped = 0, 0
    for seed in range(options.seed, options.seed + options.count):
        case = Case(seed, options.tight)
        try:
            case.run()
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
            inputs = ", ".join(f"{n}: {v.dtype}{list(v.shape)}{' F' if case.how[n]['order'] == 'F' else ''}{' big' if case.how[n]['big'] else ''}"
                               for n, v in case.inputs.items())
            tight = " --tight" if options.tight else ""
            print(f"FAIL --seed {seed} --count 1{tight}\n  {problem}\n  {inputs}\n  {shlex.join(argv).replace(name, place)}", flush=True)
    print(f"{options.count} cases, {skipped} that NumPy refuses, {len(options.refused)} runs refused for memory: {failures} failures")
    if options.refusals:
        for extra, program, err in options.refused:
            print(" ", shlex.join(extra), "; ".join(program), "\n    ", err.strip()[-200:])
    sys.exit(1 if failures else 0)


main()
