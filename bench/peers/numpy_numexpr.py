"""NumPy, numexpr, Dask and PyTorch on the same work as gpuproc-bench-memory, in the same manner: one
command per line of standard input, one line of JSON for each.

    numpy_numexpr.py ELEMENTS

    numpy NAME        the expression as users write it (its result is a new array)
    numpy-out NAME    without temporaries: each step into an array that is there already
    numexpr NAME      into an array that is there already
    dask NAME         in chunks, on threads; its result is a new array
    torch NAME        as users write it
    py EXPRESSION     any of NumPy's, over x, y and (its result thrown away) with np's names
    copy              x into an array that is there already
    memmap PATH       the sum of an .npy file through numpy.memmap
    versions
"""
import json
import sys
import time

import numexpr
import numpy as np

THREADS = 2


def fill(count, seed):
    rng = np.random.default_rng(seed)
    return rng.random(count, dtype=np.float32) * np.float32(6) - np.float32(3)


def plain(name, x, y):
    if name == "hypot":
        return np.sqrt(x * x + y * y)
    return np.exp(np.sin(x)) * y


def into(name, x, y, out, other):
    if name == "hypot":
        np.multiply(x, x, out=out)
        np.multiply(y, y, out=other)
        np.add(out, other, out=out)
        np.sqrt(out, out=out)
    else:
        np.sin(x, out=out)
        np.exp(out, out=out)
        np.multiply(out, y, out=out)


ANY = {n: getattr(np, n) for n in dir(np) if not n.startswith("_")}
ANY["sliding_window_view"] = np.lib.stride_tricks.sliding_window_view


def optional(name):
    try:
        return __import__(name, fromlist=["x"])
    except ImportError:
        return None


def others(who, name, x, y):
    """A function without arguments that does it once."""
    if who == "dask":
        da, dask = optional("dask.array"), optional("dask")
        u, v = (da.from_array(a, chunks=1 << 20) for a in (x, y))
        wanted = plain(name, u, v)

        def run():
            with dask.config.set(scheduler="threads", num_workers=THREADS):
                wanted.compute()
        return run
    torch = optional("torch")
    torch.set_num_threads(THREADS)
    u, v = torch.from_numpy(x), torch.from_numpy(y)
    if name == "hypot":
        return lambda: torch.sqrt(u * u + v * v)
    return lambda: torch.exp(torch.sin(u)) * v


EXPRESSIONS = {"hypot": "sqrt(x*x + y*y)", "expsin": "exp(sin(x))*y"}


def main():
    count = int(sys.argv[1])
    numexpr.set_num_threads(THREADS)
    x, y = fill(count, 1), fill(count, 2)
    out, other = np.ones(count, np.float32), np.ones(count, np.float32)
    names = {"x": x, "y": y}
    for line in sys.stdin:
        command, _, rest = line.strip().partition(" ")
        size = 12 * count
        begin = time.perf_counter()
        if command == "numpy":
            plain(rest, x, y)
        elif command == "numpy-out":
            into(rest, x, y, out, other)
        elif command == "numexpr":
            numexpr.evaluate(EXPRESSIONS[rest], local_dict=names, out=out)
        elif command in ("dask", "torch"):
            run = others(command, rest, x, y)
            begin = time.perf_counter()
            run()
        elif command == "py":
            eval(rest, ANY, names)
            size = 4 * count
        elif command == "copy":
            np.copyto(out, x)
            size = 8 * count
        elif command == "memmap":
            data = np.load(rest, mmap_mode="r")
            data.sum()
            size = data.nbytes
            del data
        elif command == "versions":
            print(json.dumps({"numpy": np.__version__, "numexpr": numexpr.__version__,
                              "numexpr_vml": bool(numexpr.use_vml),
                              "dask": getattr(optional("dask"), "__version__", None),
                              "torch": getattr(optional("torch"), "__version__", None),
                              "python": sys.version.split()[0]}), flush=True)
            continue
        else:
            print(json.dumps({"error": "unknown command " + command}), flush=True)
            continue
        seconds = time.perf_counter() - begin
        print(json.dumps({"seconds": seconds, "bytes": size}), flush=True)


main()
