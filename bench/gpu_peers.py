#!/usr/bin/env python3
"""The same work in PyTorch and CuPy on a GPU, where they are installed; one JSON line each: what, library, seconds
(median of 5, data resident), rate. TF32 is off."""
import argparse
import json
import statistics
import time


def timed(work, wait, repeats=5):
    work()
    wait()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        wait()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def cases(xp, x, matrices, transcendental):
    yield "sqrt(x*x + 1) + x", lambda: xp.sqrt(x * x + 1) + x, 8.0 * x.shape[0], "B"
    yield "sum(x)", lambda: x.sum(), 4.0 * x.shape[0], "B"
    yield "sum(exp(sin(x)))", transcendental, 4.0 * x.shape[0], "B"
    yield "copy", lambda: x + 0, 8.0 * x.shape[0], "B"
    for n, a, b in matrices:
        yield f"matmul {n}", lambda a=a, b=b: a @ b, 2.0 * n**3, "FLOP"


def of_torch(elements, sizes):
    import torch
    if not torch.cuda.is_available():
        return
    torch.backends.cuda.matmul.allow_tf32 = False
    x = torch.rand(elements, device="cuda")
    matrices = [(n, torch.rand(n, n, device="cuda"), torch.rand(n, n, device="cuda")) for n in sizes]
    for what, work, amount, unit in cases(torch, x, matrices, lambda: torch.exp(torch.sin(x)).sum()):
        yield "torch " + torch.__version__, what, timed(work, torch.cuda.synchronize), amount, unit
    pinned = torch.rand(elements // 4).pin_memory()
    yield ("torch " + torch.__version__, "up, pinned", timed(lambda: pinned.to("cuda", non_blocking=True), torch.cuda.synchronize),
           4.0 * pinned.shape[0], "B")


def of_cupy(elements, sizes):
    import cupy
    x = cupy.random.rand(elements, dtype=cupy.float32)
    matrices = [(n, cupy.random.rand(n, n, dtype=cupy.float32), cupy.random.rand(n, n, dtype=cupy.float32)) for n in sizes]
    fused = cupy.ElementwiseKernel("float32 x", "float32 y", "y = sqrtf(x * x + 1) + x", "fused")
    wait = cupy.cuda.Stream.null.synchronize
    for what, work, amount, unit in cases(cupy, x, matrices, lambda: cupy.exp(cupy.sin(x)).sum()):
        yield "cupy " + cupy.__version__, what, timed(work, wait), amount, unit
    yield "cupy " + cupy.__version__, "sqrt(x*x + 1) + x, fused", timed(lambda: fused(x), wait), 8.0 * x.shape[0], "B"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--elements", type=int, default=100_000_000)
    parser.add_argument("--sizes", default="4096")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    sizes = [int(s) for s in options.sizes.split()]
    with open(options.out, "w", encoding="utf-8") as out:
        for peer in (of_torch, of_cupy):
            try:
                for library, what, seconds, amount, unit in peer(options.elements, sizes):
                    line = {"library": library, "what": what, "seconds": seconds, "rate": amount / seconds, "unit": unit + "/s"}
                    print(json.dumps(line), file=out, flush=True)
            except Exception as e:  # a library that is not there, or a GPU with too little memory, is an answer, too
                print(json.dumps({"library": peer.__name__, "error": str(e)}), file=out, flush=True)


if __name__ == "__main__":
    main()
