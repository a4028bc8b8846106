"""Matrices in OpenBLAS (called directly), NumPy, Dask and PyTorch, in the manner of numpy_numexpr.py: one
command per line of standard input, one line of JSON for each.

    matrices.py LIBRARY                  LIBRARY: an OpenBLAS that has threads

    openblas|numpy|torch DTYPE LENGTH    C = A @ B of square matrices, into C that is there already
    dask-files A B C LENGTH              the same of float32 .npy files, C is written anew
    gram numpy PATH COLUMNS              X.T @ X of a float32 file, mapped
    syrk PATH COLUMNS                    the same by OpenBLAS' ssyrk, of X in memory
    versions
"""
import ctypes
import json
import sys
import time

import numpy as np

THREADS = 2
ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, UPPER = 101, 111, 112, 121


def optional(name):
    try:
        return __import__(name, fromlist=["x"])
    except ImportError:
        return None


class Blas:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.openblas_set_num_threads(THREADS)
        self.library.openblas_get_config.restype = ctypes.c_char_p

    def config(self):
        return self.library.openblas_get_config().decode()

    def gemm(self, a, b, c):
        n = ctypes.c_int(len(a))
        f, real = ((self.library.cblas_sgemm, ctypes.c_float) if a.dtype == np.float32 else
                   (self.library.cblas_dgemm, ctypes.c_double))
        f(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, n, n, n, real(1), a.ctypes.data_as(ctypes.c_void_p), n,
          b.ctypes.data_as(ctypes.c_void_p), n, real(0), c.ctypes.data_as(ctypes.c_void_p), n)

    def syrk(self, x, c):
        k, n = (ctypes.c_int(v) for v in x.shape)
        self.library.cblas_ssyrk(ROW_MAJOR, UPPER, TRANSPOSE, n, k, ctypes.c_float(1), x.ctypes.data_as(ctypes.c_void_p), n,
                                 ctypes.c_float(0), c.ctypes.data_as(ctypes.c_void_p), n)


kept = {}


def square(dtype, length):
    """A, B and C, the same ones every time."""
    if (dtype, length) not in kept:
        kept.clear()
        rng = np.random.default_rng(1)
        kept[dtype, length] = [rng.random((length, length)).astype(dtype) for _ in range(2)] + [
            np.ones((length, length), dtype)]
    return kept[dtype, length]


def product(who, dtype, length, blas):
    a, b, c = square(np.dtype(dtype), int(length))
    begin = time.perf_counter()
    if who == "openblas":
        blas.gemm(a, b, c)
    elif who == "numpy":
        np.matmul(a, b, out=c)
    else:
        torch = optional("torch")
        torch.set_num_threads(THREADS)
        torch.matmul(torch.from_numpy(a), torch.from_numpy(b), out=torch.from_numpy(c))
    return time.perf_counter() - begin


def dask_files(a, b, c, length):
    import dask
    import dask.array as da

    length = int(length)
    begin = time.perf_counter()
    with dask.config.set(scheduler="threads", num_workers=THREADS):
        x, y = (da.from_array(np.load(path, mmap_mode="r"), chunks=(2048, 2048)) for path in (a, b))
        out = np.lib.format.open_memmap(c, mode="w+", dtype=np.float32, shape=(length, length))
        da.store(x @ y, out)
        out.flush()
    return time.perf_counter() - begin


def gram(path, columns):
    begin = time.perf_counter()
    x = np.load(path, mmap_mode="r").reshape(-1, int(columns))
    x.T @ x
    return time.perf_counter() - begin


def syrk(path, columns, blas):
    if path not in kept:
        kept.clear()
        kept[path] = np.load(path).reshape(-1, int(columns))
    c = np.ones((int(columns), int(columns)), np.float32)
    begin = time.perf_counter()
    blas.syrk(kept[path], c)
    return time.perf_counter() - begin


def main():
    blas = Blas(sys.argv[1])
    for line in sys.stdin:
        words = line.split()
        if words[0] in ("openblas", "numpy", "torch"):
            answer = {"seconds": product(*words, blas)}
        elif words[0] == "dask-files":
            answer = {"seconds": dask_files(*words[1:])}
        elif words[0] == "gram":
            answer = {"seconds": gram(*words[2:])}
        elif words[0] == "syrk":
            answer = {"seconds": syrk(*words[1:], blas)}
        elif words[0] == "drop":
            kept.clear()
            answer = {}
        elif words[0] == "versions":
            names = {name: optional(name) for name in ("numpy", "dask", "torch")}
            answer = {name: m.__version__ for name, m in names.items() if m is not None}
            answer["openblas"] = blas.config()
        else:
            answer = {"error": "unknown command " + words[0]}
        print(json.dumps(answer), flush=True)


main()
