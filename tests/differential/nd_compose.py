"""Families of random programs for nd.py that compose: structure of stored nodes, views of views,
masks, tables, generators. Values are small whole numbers mostly, so that sums are exact and
comparisons stay strict; what NumPy rounds carries a tolerance along."""
import math

import numpy as np

WHOLE = ["int8", "int16", "int32", "int64", "uint8", "uint32", "float32", "float64", "float64", "bool", "float16", "complex64",
         "complex128", "uint16", "uint64"]
PLAIN = ["int16", "int32", "int64", "uint8", "float32", "float64", "float64"]


class Compose:
    def whole(self, name, shape, dtypes=WHOLE, low=-9, high=9):
        """An input of small whole numbers in any dtype."""
        r, rng = self.r, self.rng
        dtype = np.dtype(r.choice(dtypes))
        v = rng.integers(0 if dtype.kind == "u" else low, high + 1, math.prod(shape))
        v = (v > 0) if dtype.kind == "b" else v.astype(dtype)
        if dtype.kind == "c":
            v = (v + 1j * rng.integers(low, high, v.size)).astype(dtype)
        v = v.reshape(shape)
        if dtype.kind == "f" and v.size and r.random() < 0.1:
            v.ravel()[rng.integers(0, v.size, 1 + v.size // 9)] = np.nan
        self.inputs[name] = v
        self.fortran[name] = v.ndim > 1 and r.random() < 0.35
        self.big[name] = r.random() < 0.2
        return v

    def odd_shape(self, low=0, high=5, size=1500, zero=0.05):
        r = self.r
        n, dims = r.randint(low, high), []
        for _ in range(n):
            d = 0 if r.random() < zero else r.choice([1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 12, 33, 100])
            while d > 1 and max(math.prod(dims), 1) * d > size:
                d //= 2
            dims.append(d)
        r.shuffle(dims)
        return tuple(dims)

    # ---- one step: (text, value, tolerance) -> text, tolerance

    def step_index(self, t, v):
        return f"{t}[{self.index(v.shape)}]"

    def step_newaxis(self, t, v):
        return self.r.choice([f"{t}[None, ..., None]", f"{t}[..., None]", f"{t}[None]", f"{t}[:, None, ..., None]"])

    def step_transpose(self, t, v):
        p = self.r.sample(range(v.ndim), v.ndim)
        return self.r.choice([f"{t}.T", f"transpose({t}, {tuple(p)})", f"moveaxis({t}, {p[:2]}, {sorted(p[:2])})",
                              f"swapaxes({t}, {p[0] if p else 0}, -1)", f"{t}.transpose({', '.join(map(str, p))})", f"matrix_transpose({t})"])

    def step_reshape(self, t, v):
        r, n, dims = self.r, v.size, []
        for d in (2, 3, 4, 5, 7):
            if n and n % d == 0 and r.random() < 0.5 and len(dims) < 5:
                dims.append(d)
                n //= d
        dims.append(n)
        r.shuffle(dims)
        if r.random() < 0.4:
            dims[r.randrange(len(dims))] = -1
        if r.random() < 0.3:
            dims.insert(r.randint(0, len(dims)), 1)
        order = r.choice(["", "", "", ", order='F'"])
        return r.choice([f"reshape({t}, {tuple(dims)}{order})", f"ravel({t}{order})", f"{t}.reshape({', '.join(map(str, dims))})", f"{t}.flatten()"])

    def step_flip(self, t, v):
        r, n = self.r, v.ndim
        axes = tuple(r.sample(range(-n, 0), r.randint(0, n))) if n else ()
        return r.choice([f"flip({t}, {axes})", f"flip({t})", f"rot90({t}, {r.randint(-2, 5)})", f"flipud({t})", f"fliplr({t})",
                         f"rot90({t}, {r.randint(0, 3)}, axes=({n - 1}, 0))"])

    def step_roll(self, t, v):
        r, n = self.r, v.ndim
        axes = tuple(r.sample(range(n), r.randint(1, n))) if n else (0,)
        shifts = tuple(r.randint(-8, 8) for _ in axes)
        return r.choice([f"roll({t}, {shifts}, axis={axes})", f"roll({t}, {r.randint(-9, 9)}, axis={axes})", f"roll({t}, {r.randint(-2000, 2000)})"])

    def step_pad(self, t, v):
        r, n = self.r, v.ndim
        pairs = tuple((r.randint(0, 4), r.randint(0, 4)) for _ in range(n))
        width = r.choice([str(pairs), str(r.randint(0, 3)), f"({r.randint(0, 3)}, {r.randint(0, 3)})", str([list(p) for p in pairs])])
        kind = r.choice(["constant", "edge", "reflect", "symmetric", "wrap", "constant"])
        extra = r.choice(["", f", constant_values={r.randint(0, 5)}", f", constant_values=({r.randint(0, 5)}, 1)"]) if kind == "constant" else ""
        return f"pad({t}, {width}, mode='{kind}'{extra})"

    def step_tile(self, t, v):
        r, n = self.r, v.ndim
        return f"tile({t}, {r.choice([r.randint(0, 3), tuple(r.randint(1, 3) for _ in range(r.randint(1, n + 1)))])})"

    def step_repeat(self, t, v):
        r, n = self.r, v.ndim
        a = r.randrange(-n, n) if n else None
        return r.choice([f"repeat({t}, {r.randint(0, 3)})", f"repeat({t}, {r.randint(1, 3)}, axis={a})",
                         f"repeat({t}, {[r.randint(0, 3) for _ in range(v.shape[a])] if n and v.shape[a] < 9 else 2}, axis={a})"])

    def step_join(self, t, v):
        r, n = self.r, v.ndim
        a = r.randrange(-n, n) if n else 0
        other = r.choice([t, f"{t}[::-1]", f"({t} + 1)", f"{t}[:2]", f"{t}[0:0]"])
        return r.choice([f"concatenate(({t}, {other}), axis={a})", f"concatenate(({t}, {other}))", f"stack([{t}, {other}], axis={a})", f"hstack(({t}, {other}))",
                         f"vstack(({t}, {other}))", f"dstack(({t}, {other}))", f"column_stack(({t}, {other}))", f"concatenate(({t}, {other}), axis=None)"])

    def step_shape(self, t, v):
        r, n = self.r, v.ndim
        return r.choice([f"squeeze({t})", f"expand_dims({t}, (0, -1))", f"expand_dims({t}, {r.randint(-n - 1, n)})", f"atleast_2d({t})", f"atleast_3d({t})",
                         f"broadcast_to({t}, {(r.randint(1, 3),) + v.shape})", f"squeeze({t}, {r.randint(-n, n)})",
                         f"broadcast_to({t}, {tuple(2 if d == 1 else d for d in v.shape)})"])

    def step_diagonal(self, t, v):
        r, n = self.r, v.ndim
        return r.choice([f"diagonal({t}, {r.randint(-2, 2)})", f"diagonal({t}, axis1={r.randint(-n, n)}, axis2={r.randint(-1, n)})", f"tril({t}, {r.randint(-3, 3)})",
                         f"triu({t}, {r.randint(-3, 3)})", f"trace({t}, {r.randint(-2, 2)})"])

    def step_window(self, t, v):
        r, n = self.r, v.ndim
        return r.choice([f"sliding_window_view({t}, {r.randint(1, 4)}, axis={r.randint(-n, n)})",
                         f"sliding_window_view({t}, {tuple(r.randint(1, 3) for _ in range(n))})", f"diff({t}, axis={r.randint(-n, n)})",
                         f"diff({t}, n={r.randint(0, 3)})", f"diff({t}, prepend=0)", f"diff({t}, append={t})", f"ediff1d({t})"])

    def step_scan(self, t, v):
        n = v.ndim
        return self.r.choice([f"cumsum({t}, axis={self.r.randint(-n, n)})", f"cumsum({t})", f"maximum.accumulate({t})", f"cumsum({t}, dtype='int64')",
                              f"minimum.accumulate({t}, axis=-1)"])

    def step_reduce(self, t, v):
        r = self.r
        f = r.choice(["sum", "max", "min", "any", "count_nonzero", "sum", "argmax", "argmin", "all"])
        axis = self.axis(v.ndim, several=f[:3] != "arg")
        keep = r.choice(["", ", keepdims=True"])
        return f"{f}({t}, axis={axis}{keep})"

    def step_center(self, t, v):
        r = self.r
        f = r.choice(["max", "min", "sum", "cumsum"])
        if f == "cumsum":
            return f"({t} - cumsum({t}, axis={r.randint(-v.ndim, v.ndim)}))"
        return f"({t} - {t}.{f}(axis={self.axis(v.ndim)}, keepdims=True))" if r.random() < 0.5 else f"({t} - {t}.{f}(axis=0))"

    def step_element(self, t, v):
        r = self.r
        return r.choice([f"({t} + 1)", f"(-{t})", f"abs({t})", f"({t} * 2)", f"({t} > 0)", f"({t} == {t})", f"({t} != 0)", f"maximum({t}, 0)", f"minimum({t}, {t})",
                         f"where({t} > 0, {t}, 1)", f"({t} // 2)", f"({t} % 3)", f"clip({t}, -3, 3)", f"{t}.astype('float64')", f"{t}.astype('float32')", f"{t}.astype('int16')",
                         f"sign({t})", f"square({t})", f"conj({t})", f"{t}.real", f"({t} * arange({v.shape[-1] if v.ndim else 3}))", f"{t}.astype('complex64')",
                         f"{t}.astype('float16')", f"isnan({t})"])

    def step_take(self, t, v):
        r, n = self.r, v.ndim
        a = r.randrange(-n, n) if n else 0
        d = v.shape[a] if n else 1
        ix = [r.randint(-d, max(d - 1, 0)) for _ in range(r.randint(1, 5))]
        wrap = "wrap" if d else "clip"  # NumPy never comes back from wrapping into nothing
        return r.choice([f"take({t}, {ix}, axis={a})", f"{t}[{ix}]", f"take({t}, {r.randint(-9, 9)}, axis={a}, mode='{wrap}')", f"take({t}, {ix})",
                         f"take({t}, {[i * 5 for i in ix]}, axis={a}, mode='{r.choice([wrap, 'clip'])}')", f"take({t}, {[ix, ix]}, axis={a})", f"{t}[..., {ix}]",
                         f"{t}[:, {ix}]"])

    def step_select(self, t, v):
        r = self.r
        return r.choice([f"{t}[{t} > 0]", f"compress({[bool(r.randint(0, 1)) for _ in range(v.shape[0] if v.ndim else 1)][:30]}, {t}, axis=0)",
                         f"extract({t} > 1, {t})", f"flatnonzero({t})", f"nonzero({t})[{r.randint(-1, max(v.ndim - 1, 0))}]", f"argwhere({t})", f"where({t} > 0)[0]",
                         f"unique({t})", f"unique({t}, return_counts=True)[1]"])

    def grow(self, t, v, depth, stop=("select",)):
        """Steps that NumPy takes too, from a text and its value."""
        r = self.r
        steps = [s for s in dir(self) if s.startswith("step_")]
        done = 0
        for _ in range(depth * 4):
            s = r.choice(steps)
            if done == depth:
                break
            if s in ("step_select", "step_element", "step_center") and r.random() < 0.5 or len(t) > 500:
                continue
            if s in ("step_scan", "step_reduce", "step_center", "step_window") and v.dtype == np.float16:
                continue
            try:
                u = getattr(self, s)(t, v)
                w = np.asanyarray(self.value(u))
            except Exception:
                continue
            if w.ndim > 7 or w.size > 20000 or w.dtype.kind not in "biufc" or not self.exact(w):
                continue
            if "int" in u and "int" not in t and v.dtype.kind in "fc" and not np.isfinite(v).all():
                continue  # NumPy leaves these casts open
            t, v, done = u, w, done + 1
            if s == "step_select":
                if r.random() < 0.6:
                    break
        return t, v

    @staticmethod
    def exact(w):
        """Whole numbers which floats of this dtype add without rounding."""
        if w.dtype.kind not in "fc" or w.size == 0:
            return True
        finite = np.abs(w[np.isfinite(w)])
        return finite.size == 0 or float(finite.max()) * max(w.size, 1) < 2.0 ** (22 if w.dtype.itemsize < 16 and w.dtype != np.float64 else 50) and (
            w.dtype != np.float16 or finite.max() < 500)

    # ---- families

    def family_compose(self):
        x = self.whole("x", self.odd_shape())
        for name in "abcdef":
            self.say(name, self.grow("x", x, self.r.randint(1, 4))[0])

    def family_composetwo(self):
        """Several inputs, and statements that use names before them."""
        r = self.r
        s = self.odd_shape(1, 4)
        x = self.whole("x", s, PLAIN)
        y = self.whole("y", tuple(1 if r.random() < 0.4 else d for d in s)[r.randint(0, len(s) - 1):], PLAIN)
        z = self.whole("z", (s[-1],), PLAIN)
        t, v = r.choice([("(x + y)", x + y), ("(x - z * y)", x - z * y), ("where(x > y, x, z)", np.where(x > y, x, z)), ("maximum(x, y[::-1][::-1])", np.maximum(x, y)),
                         ("(x - x.max(axis=0))", x - x.max(axis=0) if x.shape[0] else x)])
        if not self.exact(v) or (x.shape[0] == 0 and "max(axis" in t):
            t, v = "x", x
        self.say("a", self.grow(t, v, r.randint(1, 3))[0])
        a = np.asanyarray(self.value(self.statements[0][1]))
        self.inputs["a"] = a
        for name in "bcd":
            u, _ = self.grow(r.choice(["a", "a", "(a * 2)"]), a, r.randint(1, 3))
            self.say(name, u)
        self.say("e", f"{self.grow('z', z, 1)[0]}")
        del self.inputs["a"]

    def family_mean(self):
        """What rounds, seen through views."""
        r = self.r
        x = self.whole("x", self.odd_shape(1, 4, zero=0.02), ["float64", "int32", "int16"])
        a = r.randrange(-x.ndim, x.ndim)
        for name in "abcd":
            t = r.choice([f"mean(x, axis={a})", f"(x - x.mean(axis={a}, keepdims=True))", f"var(x, axis={a}, keepdims=True)", f"(x / (x.std(axis={a}, keepdims=True) + 1))",
                          f"cumsum(x, axis={a})", f"mean(x, axis={a}, keepdims=True)", "(x - x.mean(axis=0))"])
            try:
                v = self.value(t)
            except Exception:
                continue
            for _ in range(r.randint(1, 3)):
                s = r.choice(["index", "newaxis", "transpose", "reshape", "flip", "roll", "tile", "repeat", "join", "shape", "diagonal", "index", "pad"])
                try:
                    u = getattr(self, "step_" + s)(t, np.asanyarray(v))
                    w = self.value(u)
                except Exception:
                    continue
                if np.size(w) < 20000 and np.ndim(w) < 8:
                    t, v = u, w
            self.say(name, t, 64)

    def family_padroll(self):
        x = self.whole("x", self.odd_shape(1, 4, zero=0.02))
        for name in "abcdefgh":
            t, v = "x", x
            if self.r.random() < 0.3:
                t, v = self.grow("x", x, 1)
            s = self.r.choice(["pad", "pad", "roll", "tile", "repeat", "join"])
            self.say(name, getattr(self, "step_" + s)(t, v))

    def family_masks(self):
        r = self.r
        x = self.whole("x", self.odd_shape(1, 3), low=-3, high=3)
        m = self.whole("m", x.shape[:1], ["bool"])
        k = self.whole("k", x.shape, ["bool"])
        a = r.randrange(x.ndim)
        self.whole("c", x.shape[a:a + 1], ["bool", "int8"], -1, 1)
        for name in r.sample("abdefghi", 5):
            self.say(name, r.choice([
                "x[m]", "x[~m]", "x[k]", "x[k] + 1", "x[k][::1]", "x[m].sum()", "x[m].sum(axis=0)", "(x + x)[m]", "x[m & m]", "x[k & (x > 0)]", "x[k | (x == 1)].max()",
                f"compress(c, x, axis={a})", "compress(m, x, axis=0)", "extract(k, x)", "extract(k, x * 2)", f"nonzero(x)[{a}]", f"x.nonzero()[-1]", "nonzero(k)[0]", "argwhere(x)",
                "argwhere(k & (x != 2))", "flatnonzero(x)", "flatnonzero(k) * 2", "where(k)[0]", "where(x)[-1]", "where(x > 1)[0] + 1", "count_nonzero(x[k])", "x[x > 0].mean()",
                "x.T[k.T]", "ravel(x)[ravel(k)]", "x[::-1][k]", "x[1:][k[1:]]", "x[k].size", "x[None][k[None]]", "x[m, ...]", "x[m][::-1]", "compress(ravel(k), x)",
                "unique(x[k])", "x[x == x]", "argwhere(m)", "sum(x[k], dtype='float64')", "x[k].astype('float32')", "cumsum(x[k])", "concatenate((x[k], x[k]))",
                "where(k, x, 0)", "where(m.reshape(m.shape + (1,) * (x.ndim - 1)), x, -1)", "x[k].min()", "any(x[k])", "len(x)", "x[k] * x[k]", "x[k == False]", "std(x[k])"]), 64)

    def family_tables(self):
        r = self.r
        x = self.whole("x", self.odd_shape(0, 3), PLAIN + ["bool", "int8"])
        i = self.whole("i", self.odd_shape(0, 3), ["int64", "int32", "uint8", "int8", "uint64"], -3, 5)
        t = self.whole("t", (r.choice([1, 4, 9, 60]),), PLAIN)
        s = self.inputs["s"] = np.sort(self.whole("s", (r.choice([1, 4, 9, 200]),), ["float64", "int32", "float32", "int64"], -30, 30))
        if s.dtype.kind == "f":
            s[np.isnan(s)] = 31
        f = self.whole("f", s.shape, ["float64", "int32"])
        u = self.inputs["u"] = np.unique(s)
        self.fortran["u"] = self.big["u"] = False
        g = self.inputs["g"] = np.resize(f, u.shape)
        self.fortran["g"] = self.big["g"] = False
        side, mode = r.choice(["left", "right"]), r.choice(["wrap", "clip"])
        for name in r.sample("ABCDEFGH", 6):
            self.say(name, r.choice([
                f"take(t, i, mode='{mode}')", f"t.take(i, mode='{mode}')", "t[abs(i) % t.size]", "t[i]", "take(t, i)", f"take(t * 2, i + 1, mode='{mode}')",
                f"searchsorted(s, x, side='{side}')", f"searchsorted(s, x * 1.5)", f"s.searchsorted(x, '{side}')", "searchsorted(s, 3)", "digitize(x, s)",
                "digitize(x, u, right=True)", "digitize(x, [1, 5, 9.5])", "digitize(x, [3, 1, -2])", "isin(x, s)", "isin(x, [1, 2, 3], invert=True)", "isin(x, t)", "isin(x, 3)", "isin(x * 2, [])",
                "interp(x, u, g)", "interp(x, u, g, left=-1, right=5)", "interp(x, [0, 1, 5], [1, 10, 3])", "interp(2.5, u, g)", "interp(x, u, g * 1j)",
                f"choose(i, [x, x], mode='{mode}')", f"choose(i, (10, 20), mode='{mode}')", "choose(x > 0, [x, -1])",
                "select([x > 3, x > 0], [x, x * 2])", "select([x > 3, x < -2], [x, 1.5], default=-1)", "select([x > 0], [5], 2)", "where(x > 0)[0]", "where(x, 1, 2)",
                "t[abs(i) % t.size] + 1", "t[::-1][abs(i) % t.size]", f"take(cumsum(t), i, mode='{mode}')", "cumsum(t)[abs(i) % t.size]", "t[(i > 2) * 1]", "unique(s)[abs(i) % u.size]",
                f"take_along_axis(x, argmax(x, axis=-1, keepdims=True), axis=-1)", "take_along_axis(t, abs(i.ravel()) % t.size)", f"take(x, i, axis=0, mode='{mode}')",
                f"take(x, [0, 5, -7], axis=-1, mode='{mode}')", "x[[0, -1]]", "x[..., [0, 0]]", "t[[[0, 0], [-1, 0]]]", "s[searchsorted(s, t, side='left') % s.size]"]), 8)

    def family_generators(self):
        r = self.r
        x = self.whole("x", (r.choice([1, 7, 30]),), PLAIN)
        n = x.shape[0]
        d = r.choice(["float32", "int8", "complex64", "bool", "float64", "uint16", "float16", "int64"])
        for name in r.sample("abcdefghij", 8):
            text = r.choice([
                f"arange({r.randint(0, 9)})", f"arange({n}.0) * x", f"arange({r.randint(-9, 5)}, {r.randint(-3, 9)})", f"arange(9, {r.randint(-9, 5)}, -{r.choice([1, 2, 0.5])})", f"arange(5, dtype='{d}')",
                f"arange(0, 1, 0.1)[::{r.choice([-1, 2])}]", f"linspace(-1, 3, {r.randint(0, 30)})", f"linspace(0, 10, 5, endpoint=False)", f"linspace(5, 1, 9, dtype='int32')", "linspace(0, 1)[3:]",
                f"logspace(0, 3, {r.randint(1, 9)})", "logspace(0, 8, 9, base=2)", "geomspace(1, 1000, 4)", "geomspace(-1, -8, 4)", f"zeros({n})", f"zeros((2, 0, 3), dtype='{d}')", f"ones(({n}, 2), '{d}')", f"ones((), dtype='{d}')",
                f"full((2, 3), 7, dtype='{d}')", "full((3, 2), 1.5)", f"full(({n},), max(x))", "full(3, [1, 2, 3])", f"zeros_like(x) + 1", f"ones_like(x, dtype='{d}')", "full_like(x, 3)", f"full_like(x, 2, dtype='{d}')",
                f"eye({r.randint(0, 5)}, {r.randint(0, 6)}, {r.randint(-6, 6)})", f"eye(3, k=1, dtype='{d}')", f"identity({r.randint(0, 4)})", f"identity(3, dtype='{d}')", f"tri({r.randint(0, 5)}, {r.randint(0, 6)}, {r.randint(-3, 3)})",
                f"tri(3, dtype='{d}')", f"indices((2, {r.randint(0, 4)}))", f"indices((2, 3, 4))[{r.randint(-3, 2)}]", f"indices(({n},))[0] + x", f"indices((3, 2), dtype='{d}')", "meshgrid(x, arange(3))[0]", "meshgrid(x, x)[1]",
                "meshgrid(x, arange(2), indexing='ij')[1]", f"meshgrid(x, [1, 2], arange(2))[2]", f"arange(24).reshape(2, 3, 4)[:, ::-1].T", f"arange({n})[x > 0]", "eye(4)[1:, ::2].T", f"(arange(12).reshape(3, 4) % 5).sum(axis=0)", "tri(4)[::-1] + eye(4)",
                "cumsum(ones(5))", "tile(arange(3), (2, 2))", "arange(3)[:, None] * arange(4)", "linspace(0, 1, 11)[::-2]", "pad(arange(4), (1, 2), mode='wrap')", f"broadcast_to(arange({n}), (3, {n})) + x", "arange(10) == 3",
                "where(eye(3) == 1, 5, arange(3))", f"arange({n}) / 2 + x", "arange(300).astype('uint8')", "arange(6)[[1, 3]]", "arange(2, 12)[arange(3) * 2]"])
            self.say(name, text, 4)

    def family_histograms(self):
        r = self.r
        x = self.whole("x", self.odd_shape(0, 2, zero=0.03), PLAIN + ["int8", "bool", "float16"])
        x = self.inputs["x"] = np.nan_to_num(x, nan=2)
        w = self.inputs["w"] = np.nan_to_num(self.whole("w", x.shape, PLAIN), nan=1)
        b = self.whole("n", (r.choice([0, 1, 500]),), ["int64", "uint8", "int32", "bool"], 0, 12)
        v = self.inputs["v"] = np.nan_to_num(self.whole("v", b.shape, ["float64", "float32", "int32"]), nan=1)
        e = self.inputs["e"] = np.array([-5, -1.5, 0, 0.5, 3, 9])
        self.fortran["e"] = self.big["e"] = False
        k = r.randint(0, 1)
        for name in r.sample("abcdfghi", 6):
            self.say(name, r.choice([
                f"histogram(x)[{k}]", f"histogram(x, {r.randint(1, 40)})[{k}]", f"histogram(x, bins=7, range=(-3, 4.5))[{k}]", f"histogram(x, e)[{k}]", f"histogram(x, [0, 1, 1, 5])[{k}]", f"histogram(x, 5, weights=w)[{k}]",
                f"histogram(x, 6, density=True)[{k}]", f"histogram(x, 4, (-5, 5), density=True, weights=w)[{k}]", "histogram(x, [-3, 0, 9], density=True)[0]", "histogram(x, arange(-4, 5))[0]", f"histogram(x, 3, (2, 2))[{k}]",
                "histogram_bin_edges(x, 5)", "histogram_bin_edges(x, 4, (0, 8))", "histogram(x * 2, 5)[0][1:]", "cumsum(histogram(x, 8)[0])", "histogram(x, [3, 1])[0]", "histogram(x, 0)[0]", "histogram(x, 4, (3, 1))[0]", "histogram(x, linspace(-5, 5, 9))[0]",
                "bincount(n)", "bincount(n, minlength=20)", "bincount(n, weights=v)", "bincount(n, v, 7)", "bincount(n % 5)", "bincount(n)[::-1]", "cumsum(bincount(n))", "bincount(x)", "bincount(n).max()",
                "unique(x)", "unique(x, return_counts=True)[1]", "unique(x * 2)", "unique(x, return_index=True)[1]", "unique(x, return_inverse=True)[1]", "unique(n)[::-1]", "unique_counts(x)[0]", "unique(x).size", "unique(x > 0)",
                "histogram(n, bins=13)[0]", "histogram(x[:0], 4)[0]", "unique(x, axis=0)", "histogram(x, bins='auto')[0]", "histogram(w, 10, (-10, 10))[0] * 2"]), 16)

    def family_stats(self):
        r = self.r
        x = self.whole("x", self.odd_shape(1, 3, zero=0.02), ["float64", "int32", "int16", "float64"])
        x = self.inputs["x"] = np.nan_to_num(x, nan=2)
        y = self.inputs["y"] = np.nan_to_num(self.whole("y", x.shape, ["float64", "int16"]), nan=3)
        n = x.ndim
        a = r.randrange(-n, n)
        b = r.randrange(-n, n)
        self.whole("w", (x.shape[a],), ["float64", "int32"], 1, 9)
        self.inputs["w"] = np.nan_to_num(self.inputs["w"], nan=2)
        keep = r.choice(["", ", keepdims=True"])
        o = r.choice(["None", "1", "2", "inf", "-inf", "0", "3", "-1", "2.5"])
        for name in r.sample("abcdefgh", 6):
            self.say(name, r.choice([
                f"average(x)", f"average(x, axis={a}{keep})", f"average(x, axis={a}, weights=w{keep})", f"average(x, axis={a}, weights=w)[::-1]", f"average(x, weights=abs(y) + 1)", f"average(x, axis={a}, weights=abs(y) + 1{keep})",
                f"average(x, axis={a}, weights=w, returned=True)[1]", f"average(x, axis=({a}, {b}))", "cov(x)", "cov(x, ddof=0)", "cov(x, bias=True)", "cov(x, rowvar=False)", "cov(x, y)", "cov(x, y, rowvar=False)", "cov(x, aweights=abs(x[0]) + 1)",
                "cov(x, fweights=w)", "cov(x)[0]", "corrcoef(x, y)", "corrcoef(x, rowvar=False)", "linalg.norm(x)", f"linalg.norm(x, axis={a}{keep})", f"linalg.norm(x, {o}, axis={a}{keep})", f"linalg.norm(x, axis=({a}, {b}){keep})",
                f"linalg.norm(x, 'fro', axis=({a}, {b}){keep})", f"linalg.norm(x, {o})", f"linalg.norm(x, {o}, axis=({a}, {b}))", "trace(x)", "trace(x, 1, dtype='float64')", f"trace(x, axis1={a}, axis2={b})", f"linalg.norm(x - y, axis={a})[..., None]",
                f"mean(x, axis=({a}, {b}){keep})", f"var(x, axis={a}, ddof=1{keep})", f"std(x, axis={a}, mean=mean(x, axis={a}, keepdims=True))", f"mean(x, where=y > 0)", f"sum(x, axis={a}, where=y > 1, initial=3)", f"max(x, axis={a}, where=y > 1, initial=-9)", f"ptp(x, axis={a}{keep})",
                f"median(x, axis={a}{keep})", f"quantile(x, [0.25, 0.5], axis={a}{keep})", f"x.mean(axis={a})[::-1] * 2", f"std(x, correction=1)"]), 2000)

    def family_random(self):
        r = self.r
        n = r.choice([0, 1, 5, 3000])
        s = r.choice([f"({n}, 3)", f"{n}", f"(2, {n}, 2)", "()"])
        x = self.whole("x", (5,), PLAIN)
        k = r.randint(0, 9)
        for name in r.sample("abcdefg", 5):
            self.say(name, r.choice([f"random.random({s}, seed={k})", f"random.random({s})", f"random.uniform(-2, 5, {s}, seed={k})", f"random.normal(3, 2, {s}, seed={k})", f"random.standard_normal({s}, seed={k})", f"random.integers(3, 9, {s}, seed={k})",
                                     f"random.integers(10, size={s}, seed={k})", f"random.integers(0, 255, {s}, dtype='uint8', endpoint=True)", f"random.random((5,), seed={k})[::-1] * x", f"random.random({s}, dtype='float32')", f"random.standard_normal({s}, dtype='float32')",
                                     f"random.integers(-128, 128, {s}, dtype='int8')", f"random.normal(size={s})", f"cumsum(random.random({s}, seed={k}) > 0.5)", f"random.random({s}, seed={k}).T", "random.random(6, seed=1).reshape(2, 3)"]), None)

    def family_refused(self):
        """Mostly what NumPy refuses; gpuproc has to refuse it, too."""
        r = self.r
        x = self.whole("x", self.odd_shape(0, 3, zero=0.1), PLAIN)
        n, d = x.ndim, x.shape[0] if x.ndim else 1
        self.whole("y", self.odd_shape(1, 3), PLAIN)
        for name in r.sample("abcdefghijk", 6):
            self.say(name, r.choice([
                f"x[{d}]", f"x[{-d - 1}]", f"sum(x, axis={r.randint(-n - 2, n + 1)})", "x[0:1:0]", f"x[{', '.join(['0'] * (n + 1))}]", "x[..., ...]", "x[1.5]", "x[1.0:]", "x['a']", "x + y", "where(x > 0, x, y)", f"reshape(x, ({x.size + 1},))", "reshape(x, (-1, -1))", "reshape(x, (7, -1))",
                f"transpose(x, {tuple(range(n + 1))})", f"transpose(x, {tuple([0] * n)})", f"squeeze(x, 0)", f"expand_dims(x, {n + 3})", f"flip(x, {n})", f"roll(x, 1, axis={n})", "concatenate((x, y))", "stack([x, y])", "concatenate(())", f"sum(x, axis=(0, 0))", f"broadcast_to(x, {tuple(d + 1 for d in x.shape)})",
                "broadcast_to(x, ())", f"diff(x, axis={n})", "diff(x, n=-1)", f"cumsum(x, axis={n})", f"sliding_window_view(x, {d + 1}, axis=0)", "sliding_window_view(x, 0)", "tile(x, -1)", "repeat(x, -1)", "pad(x, -1)", "pad(x, 1, mode='foo')", f"pad(x, {((1, 1),) * (n + 1)})", "take(x, 99999)", "take(x, [0], axis=9)",
                "take(x, [0], mode='foo')", "x[[99999]]", "x[x > 0, 0]", "x[[True, False]]", "min(x[x > 1000])", "max(x[:0])", "argmax(x[:0])", "linspace(0, 1, -1)", "arange(0, 5, 0)", "zeros(-1)", "zeros((2, -1))", "full((2,), [1, 2, 3])", "eye(-1)", "histogram(x, -1)[0]", "histogram(x, 3, (0, inf))[0]", "bincount(x - 100)",
                "bincount(x.reshape(1, -1))", "quantile(x, 1.5)", "quantile(x, -0.1)", "searchsorted(y.reshape(1, -1), 3)", "digitize(x, [1, 3, 2])", "interp(x, [1, 2], [1, 2, 3])", "choose(x, [])", "select([], [])", "select([x > 0], [x, x])", "average(x, weights=[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])", "diagonal(x.ravel())", "trace(x.ravel())",
                "swapaxes(x, 0, 9)", "moveaxis(x, (0, 0), (0, 1))", "rot90(x.ravel())", "sum(x, axes=0)", "sum(x, axis='a')", "sum(x, axis=0.5)", "sum()", "x.foo()", "x.sum(0, 0, 0, 0, 0, 0, 0)", "reshape(x)", "x.reshape()", "cov(x, y)", "linalg.norm(x, 'nuc2')", "linalg.norm(x, axis=(0, 1, 2))", "unique(x, axis=9)", "astype(x, 'foo')",
                "zeros(3, dtype='foo')", "x[None, None, None, None, None, 5]", "x[:, :, :, :]", "x[()]", "x[True]", "x[:, [0, 1], None]", "x.T[[0]]", "squeeze(x)[None]", "x[-1:-100:-1]", "compress([True] * 200, x, axis=0)", "extract(x > 0, y)", "random.integers(5, 5, 3)", "nonzero(5)[0]", "meshgrid(x, x)[2]", "histogram(x)[2]", "where(x)[9]",
                "nanargmin(x * nan)", "x ** -1", "percentile(x, 101)", "median(x, axis=9)", "column_stack((x, y))", "vstack((x, y))", "hstack((x, y))", "dstack((x, y))", "triu(x)", "tril(x.ravel()[:3])", "logspace(0, 1, -3)", "geomspace(0, 1, 3)", "indices((2, -1))", "tri(-1)", "identity(-2)", "average(x, axis=0, weights=x[:0])"]), 64)
