"""Predicted against measured: runs expressions over files that it makes, and prints the ratio for each.

usage: bench/predict.py GPUPROC [--megabytes N] [--repeat N] [--device D]

What the cost model promises is a ratio between 0.7 and 1.3 on a quiet machine that was calibrated (gpuproc
calibrate). It also checks that the memory that explain states is not exceeded.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

import numpy as np

# expression, output
CASES = [
    ("max(x)", None), ("sum(x)", None), ("mean(sqrt(x*x + y*y))", None), ("sum(exp(x))", None),
    ("sum(sin(x)*cos(y))", None), ("sum(x**y)", None), ("var(x)", None), ("(x - mean(x))/std(x)", "o.npy"),
    ("x + y", "o.npy"), ("exp(-x*x)", "o.npy"), ("where(x > 0.5, x, y)", "o.npy"),
    ("sum(d)", None), ("max(log1p(d)*tanh(d))", None), ("d * 2 + 1", "o.npy"), ("argmax(d)", None),
    ("sum(m, axis=0)", "o.npy"), ("m - mean(m, axis=0)", "o.npy"), ("cumsum(x)", "o.npy"), ("median(x)", None),
    ("x[x > 0.5]", "o.npy"), ("x[1:] - x[:-1]", "o.npy"), ("m.T + 1", "o.npy"), ("sum(i // 7 % 5)", None),
    ("bincount(i)", "o.npy"), ("a @ b", "o.npy"), ("sum(maximum(a @ b, 0))", None), ("linalg.inv(s)", "o.npy"),
    ("max(t)", None), ("t + 1", "o.npy"),
]


def make(folder, megabytes):
    r = np.random.default_rng(1)
    n = megabytes * (1 << 20) // 4
    side = int((megabytes * (1 << 20) / 4) ** 0.5)
    files = {
        "x": r.random(n, dtype=np.float32), "y": r.random(n, dtype=np.float32), "d": r.random(n // 2),
        "m": r.random((side, side), dtype=np.float32), "i": r.integers(1, 1000, n // 2),
        "a": r.random((1200, 1200), dtype=np.float32), "b": r.random((1200, 1200), dtype=np.float32),
        "s": r.random((500, 500)), "t": r.random(1000, dtype=np.float32),
    }
    for name, array in files.items():
        np.save(os.path.join(folder, name + ".npy"), array)
    return files


def command(args, word, expression, output, folder, names):
    line = [args.gpuproc, word, expression, "--json", "--device", args.device]
    line += [f"{k}={folder}/{k}.npy" for k in names]
    return line + (["-f", "-o", f"{folder}/{output}"] if output else [])


def run(line):
    """The object that it prints, and its processor time in ns."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(line, stdout=out, stderr=err)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if child.returncode != 0:
            raise SystemExit(f"{' '.join(line)}: {err.read().decode()}")
        return json.loads(out.read()), (usage.ru_utime + usage.ru_stime) * 1e9


def uses(expression, names):
    import re
    return [n for n in names if re.search(rf"(?<![A-Za-z_.]){n}(?![A-Za-z_0-9(=])", expression)]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("gpuproc")
    p.add_argument("--megabytes", type=int, default=64)
    p.add_argument("--repeat", type=int, default=5)
    p.add_argument("--device", default="cpu")
    p.add_argument("--stages", action="store_true", help="each stage, too: predicted and the median, in ms")
    p.add_argument("--cases", default="", help="only expressions that contain this")
    p.add_argument("--processor-time", action="store_true",
                   help="on a busy machine: judge by processor time shared by the threads, beyond a trivial job's")
    args = p.parse_args()
    far = exceeded = 0
    ratios = []
    print(f"{'expression':28} {'predicted':>10} {'median':>10} {'least':>10} {'ratio':>6} {'to least':>8}  limits")
    with tempfile.TemporaryDirectory() as folder:
        names = make(folder, args.megabytes)
        base = min(run(command(args, "eval", "max(t)", None, folder, ["t"]))[1] for _ in range(5))
        cases = [c for c in CASES if args.cases in c[0]]
        for expression, output in cases:
            used = uses(expression, names)
            walls, stages, busy = [], None, {}
            told, _ = run(command(args, "explain", expression, output, folder, used))
            for _ in range(args.repeat):
                result, taken = run(command(args, "eval", expression, output, folder, used))
                wall = result["report"]["wall_ns"]
                for name, stage in result["report"]["stages"].items():
                    busy.setdefault(name, []).append(stage["busy_ns"])
                if args.processor_time:
                    wall = max((taken - base) / told["threads"], 1e5)
                if not walls or wall < min(walls):
                    stages = result["report"]
                walls.append(wall)
            if args.stages:
                told_stages = {n: told["stages"][n]["ns"] for n in told["stages"]}
                medians = {n: statistics.median(v) for n, v in busy.items()}
                print("    " + ", ".join(f"{n} {told_stages.get(n, 0) / 1e6:.2f} / {medians.get(n, 0) / 1e6:.2f}"
                                         for n in told_stages if max(told_stages[n], medians.get(n, 0)) > 2e4))
            predicted, median = told["wall_ns"], statistics.median(walls)
            more = stages["memory_bytes"] > told["memory_bytes"]
            exceeded += more
            far += not 0.7 <= predicted / median <= 1.3
            ratios.append(predicted / median)
            print(f"{expression:28} {predicted / 1e6:8.2f}ms {median / 1e6:8.2f}ms {min(walls) / 1e6:8.2f}ms "
                  f"{predicted / median:6.2f} {predicted / min(walls):8.2f}  {told['limit']}/{stages['limit']}"
                  f"{'  MEMORY %d > %d' % (stages['memory_bytes'], told['memory_bytes']) if more else ''}", flush=True)
    print(f"{len(cases) - far} of {len(cases)} within 30 %; median ratio {statistics.median(ratios):.2f}; "
          f"memory exceeded: {exceeded}")
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
