#!/usr/bin/env python3
"""Writes views.txt: what real NumPy makes of subscripts, reshapes, rolls, pads and the like.

Usage: make_views.py > views.txt     (needs numpy)

One line per expression: expression | shape | the values in C order; or 'E' where NumPy raises.
The inputs, which the test has too, hold int64 100, 101, ... in C order (b: i % 3 == 0).
"""
import random
import warnings

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

warnings.simplefilter("ignore")

SHAPES = {"a": (6,), "m": (3, 5), "t": (2, 3, 4), "f": (3, 4), "s": (1, 4), "c": (3, 1), "z": (0, 3), "o": (), "q": (2, 1, 3, 2)}


def count(shape):
    return int(np.prod(shape, dtype=int))


INPUTS = {k: (np.arange(count(s)) + 100).reshape(s) for k, s in SHAPES.items()}
INPUTS["b"] = (np.arange(15) % 3 == 0).reshape(3, 5)

FIXED = """
a[0] a[-1] a[6] a[-7] a[:] a[...] a[2:] a[:-2] a[::2] a[::-1] a[4:1:-1] a[10:] a[-100:100] a[3:3] a[::-2] a[5:0:-2]
a[None] a[:,None] a[None,:,None] a[newaxis] a[np.newaxis,...] a[::0] a[0,0] a[...,0] a[...,...] a[1.0] a[2:][1:]
m[1] m[-1,2] m[:,0] m[...,-1] m[::-1,::-1] m[1:,::2] m[1:2,3:1] m[0,...] m[...,0,0] m[None,1,:,None] m[0,0,0] m[5] m[:,5]
o[...] o[()] o[None] o[0] z[:] z[0] z[:,0] z[:,1:] z[::-1] t[0] t[:,1] t[...,1] t[1,:,::-2] t[:,:,None,1:3] t.T m.T t.mT a.T
m.T[1] (m+1).T (m*a[:5])[1:] (m+c)[:,2] (c+s)[1:,1:3] (c+s).T (m+o)[1] (c*s).reshape(-1) (c+s)[0] (c+a)[::2,::-1]
f[1] f[:,::2] f.T f.reshape(-1) f.ravel() f.reshape(2,6) f.reshape(4,3) (f+1).T[1:] f.T.ravel() f+f.T.T f[::-1].ravel()
m.reshape(15) m.reshape(5,3) m.reshape(-1,1) m.reshape(4,4) m.reshape(-1,-1) m.reshape((1,3,5)) m.T.reshape(15) m[:,:4].reshape(2,6)
m[:2].reshape(-1) m[::-1].reshape(-1) reshape(a,(2,3)) reshape(a,-1) a.reshape(2,3,order="C") a.reshape(()) o.reshape(1,1) o.reshape(-1)
z.reshape(-1) z.reshape(3,0,7) z.reshape(0,-1) z.reshape(5,-1) t.reshape(6,4) t.reshape(2,12) t.reshape(4,6)[:,::2] t.T.reshape(-1)
t[:,:,::2].reshape(6,2) t[:,:,::2].reshape(2,6) t[:,::2].reshape(2,-1) (t+a[:4]).reshape(-1) (m+c).ravel() m.flatten()
squeeze(q) squeeze(q,1) squeeze(q,0) s.squeeze() squeeze(q,axis=-3) expand_dims(a,0) expand_dims(a,-1) expand_dims(m,(0,2)) expand_dims(m,(0,0))
expand_dims(m,5) broadcast_to(a,(2,6)) broadcast_to(c,(3,4)) broadcast_to(c,(2,3,4)) broadcast_to(o,(2,2)) broadcast_to(a,(5,)) broadcast_to(m,(5,))
broadcast_to(a,(2,6)).reshape(-1) broadcast_to(c,(3,4)).T broadcast_to(1,(2,2)) broadcast_to(1,3)[1:] (broadcast_to(1,(2,3))+1)[1]
transpose(t) transpose(t,(1,0,2)) t.transpose(2,0,1) t.transpose((0,2,1)) t.transpose(0,0,1) t.transpose(0,1) matrix_transpose(t) permute_dims(t,(2,1,0))
swapaxes(t,0,2) t.swapaxes(-1,0) moveaxis(t,0,-1) moveaxis(t,(0,1),(2,0)) moveaxis(t,(0,0),(1,2)) moveaxis(t,3,0) flip(m) flip(m,0) flip(m,axis=(0,1))
fliplr(m) flipud(m) fliplr(a) rot90(m) rot90(m,2) rot90(m,-1) rot90(t,1,(1,2)) rot90(m,4) rot90(a)
diagonal(m) m.diagonal(1) m.diagonal(-2) m.diagonal(7) diagonal(t,0,1,2) diagonal(t,1,0,2) (m+c).diagonal() m.diagonal(-9) diagonal(t,axis1=1,axis2=1)
tril(m) triu(m) tril(m,1) triu(m,-1) tril(t,2) triu(a) tril(m+c,-1) tril(b) triu(m,100) tril(m,-100)
roll(a,1) roll(a,-2) roll(a,13) roll(a,0) roll(m,1) roll(m,1,axis=0) roll(m,-7,1) roll(m,(1,2),(0,1)) roll(m,1,(0,1)) roll(m+c,2,1) roll(z,1) roll(m,2)[0]
roll(roll(a,1)+a,2) a-roll(a,1) roll(o,1) roll(m,4,0)[1:,::2] roll(m,(1,2),0)
pad(a,1) pad(a,(1,2)) pad(m,1) pad(m,((1,0),(0,2))) pad(m,((1,2),)) pad(m,2,"edge") pad(m,2,"reflect") pad(m,2,"symmetric") pad(m,2,"wrap") pad(m,(4,7),"wrap")
pad(a,9,mode="reflect") pad(a,9,mode="symmetric") pad(s,3,mode="reflect") pad(m,1,constant_values=7) pad(m,1,constant_values=(7,8)) pad(m,1,constant_values=((1,2),(3,4)))
pad(m,1,mode="constant")[1:-1,1:-1] pad(a+1,1)[1:]-pad(a+1,1)[:-1] pad(m+c,(0,1)) pad(a,0) pad(z,1) pad(z,1,"edge") pad(m,-1) pad(b,1) pad(m,((1,1),(2,2)),"edge")[::2]
pad(a//2,1) pad(a%7,(2,0)) pad(m.T,1).T pad(m,1).reshape(-1) pad(m,1)+pad(m,1,"edge") pad(pad(a,1),1)[1:] pad(a[::-1],2)[::-1] pad(c,1,"reflect")
pad(a,1).reshape(4,2) pad(a,(0,2)).reshape(4,2)[1] pad(m,1)[0] pad(m,1)[:,0] (pad(m,1)+1)[0] pad(broadcast_to(1,(2,2)),1) pad(pad(m,1)[1:],1)[::-1,2]
concatenate([a,a]) concatenate((a,m[0],a[:2])) concatenate([m,m+1],axis=1) concatenate([m,c],1) concatenate([m,c]) concatenate([m,c],axis=None) concatenate([a,m])
concatenate([z,z]) concatenate([z,m[:,:3]]) concatenate([o,o]) concatenate([]) concatenate([a,[1,2]]) concatenate([a[:2],[True]]) concat([a,a])[4:8] concatenate([m,m])[::-2]
concatenate([m,m]).T concatenate([a,a]).reshape(3,4) concatenate([a[:0],a]) concatenate(m) concatenate(t) concatenate([m,m],2) sum(concatenate([a,a]))
stack([a,a+1]) stack([a,a*2],axis=1) stack([a,a],-1) stack([a,m]) stack([o,o]) stack([m,m],3) hstack([a,a]) hstack([m,c]) hstack([o,a]) vstack([a,a]) vstack([m,m[0]]) dstack([a,a]) dstack([m,m])
column_stack([a,a*2]) column_stack([m,m[:,0]]) stack([a,a])[1] stack([min(a),max(a)]) stack([1,2,3]) hstack([1,a])
tile(a,2) tile(a,(2,1)) tile(m,2) tile(m,(2,1)) tile(o,3) tile(m,(2,1,1)) tile(a,0) tile(m,(2,2))[3:] repeat(a,2) repeat(m,2) repeat(m,2,axis=0) m.repeat(2,1) repeat(a,0) repeat(o,3) repeat(a+1,2)[3] repeat(a,-1)
atleast_1d(o) atleast_2d(a) atleast_3d(a) atleast_3d(m) atleast_2d(o) atleast_1d(5)
sliding_window_view(a,3) sliding_window_view(m,2,axis=0) sliding_window_view(m,(2,3)) sliding_window_view(a,3)[1] sliding_window_view(a,3)[:,0] sliding_window_view(a*2,2)+1 sliding_window_view(a,7)
lib.stride_tricks.sliding_window_view(a,2).T sliding_window_view(m,2) sliding_window_view(m,(2,2),axis=(1,1)) sliding_window_view(pad(a,1),3) np.lib.stride_tricks.sliding_window_view(roll(a,1),4)[::2] sliding_window_view(a,3).reshape(-1)
len(m) len(o) shape(m) ndim(t) size(t) size(t,1) m.shape m.shape[0] m.shape[-1] t.shape[1:] m.size m.ndim t.nbytes m.shape[2] m.T.shape (m+t[0,0,0]).shape sliding_window_view(a,3).shape
[1,2,3] [[1,2],[3,4]] [1,2,3][1] (4,5,6)[-1] a[[1,2,3][1]] [[1,2],[3]] m+[1,2,3,4,5] m*[[1],[2],[3]] [True,False] a[(1)] a[(1,)] m[(1,2)] m.real m.imag
where(b,m,0)[1] where(b,m,-m)[:,::-1] where(c>100,m,s[0,0])[:,1:] (m>105)[::2] (~b).T (-m)[0] abs(m-105)[::-1,1] (m+m)[::2]+(m+m)[1:] (m+1)[0]+(m+1)[2] sum(m[1:]) (m-sum(m))[1] max(m[:,1:]-m[:,:-1])
""".split()


def random_expression(rng):
    name = rng.choice("amtfscqz")
    text, depth = name, rng.randint(1, 4)
    for _ in range(depth):
        value = evaluate(text)
        if value is None:
            break
        text = step(rng, text, value)
    return text


def step(rng, text, v):
    n = v.ndim
    kind = rng.randrange(13)
    axis = rng.randrange(-n, n) if n else 0
    if kind <= 3:
        parts = []
        for d in range(rng.randint(0, n)):
            parts.append(rng.choice([str(rng.randint(-v.shape[d] - 1, v.shape[d])), slice_text(rng, v.shape[d]), slice_text(rng, v.shape[d]), ":"]))
        if rng.random() < 0.3:
            parts.insert(rng.randint(0, len(parts)), "...")
        if rng.random() < 0.3:
            parts.insert(rng.randint(0, len(parts)), "None")
        return f"{text}[{','.join(parts)}]" if parts else f"{text}[...]"
    if kind == 4:
        return f"({text}+{rng.choice(['1', 'c', 's[0,0]', 'o'])})"
    if kind == 5:
        return f"{text}.reshape({random_shape(rng, v.size)})"
    if kind == 6:
        axes = list(range(n))
        rng.shuffle(axes)
        return f"transpose({text},({','.join(map(str, axes))}{',' if n == 1 else ''}))" if n else f"{text}.T"
    if kind == 7:
        return f"roll({text},{rng.randint(-5, 5)},{rng.choice([axis, axis, None])})"
    if kind == 8:
        return f"pad({text},({rng.randint(0, 2)},{rng.randint(0, 2)}),'{rng.choice(['constant', 'edge', 'reflect', 'symmetric', 'wrap'])}')"
    if kind == 9:
        return f"concatenate([{text},{text}],{axis})"
    if kind == 10:
        return f"broadcast_to({text},({rng.randint(1, 3)},{','.join(map(str, v.shape))}))" if n else f"broadcast_to({text},(2,2))"
    if kind == 11:
        return rng.choice([f"flip({text},{axis})", f"squeeze({text})", f"tril({text},{rng.randint(-2, 2)})", f"moveaxis({text},{axis},0)",
                           f"repeat({text},2,{axis})", f"tile({text},2)", f"sliding_window_view({text},2,{axis})"])
    return f"stack([{text},-({text})],{axis})"


def slice_text(rng, n):
    def end():
        return rng.choice(["", str(rng.randint(-n - 2, n + 2))])
    return f"{end()}:{end()}" + rng.choice(["", "", f":{rng.choice([-3, -2, -1, 2, 3])}"])


def random_shape(rng, size):
    if size == 0:
        return rng.choice(["-1", "0,2", "3,0"])
    shape, left = [], size
    while left > 1 and rng.random() < 0.8:
        f = rng.choice([k for k in range(1, left + 1) if left % k == 0])
        shape.append(f)
        left //= f
    shape.append(left)
    if rng.random() < 0.3:
        shape[rng.randrange(len(shape))] = -1
    return ",".join(map(str, shape))


NAMES = {n: getattr(np, n) for n in dir(np) if not n.startswith("_")}
NAMES.update(INPUTS, np=np, lib=np.lib, sliding_window_view=sliding_window_view, len=len, abs=np.abs)


def evaluate(text):
    try:
        v = eval(text, dict(NAMES))
        return np.asarray(v)
    except Exception:
        return None


def line(text):
    v = evaluate(text)
    if v is None:
        return f"{text}|E"
    return f"{text}|{','.join(map(str, v.shape))}|{' '.join(str(int(e)) for e in v.reshape(-1))}"


def main():
    rng = random.Random(3)
    print(f"# NumPy {np.__version__}")
    for text in FIXED:
        print(line(text))
    made = 0
    while made < 900:
        text = random_expression(rng)
        v = evaluate(text)
        if v is not None and (v.size > 200 or len(text) > 150):
            continue
        print(line(text))
        made += 1


if __name__ == "__main__":
    main()
