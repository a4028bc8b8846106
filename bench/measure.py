"""Runs the cases, alternating with their peers, and holds the results against the marks.
Started by run.sh, which makes what it needs."""
import argparse
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import time

from turns import Partner, Table, alternate

MIB, GIB = 1 << 20, 1 << 30
HERE = os.path.dirname(os.path.abspath(__file__))


# ---- Tools --------------------------------------------------------------------------------


def run(argv, env=None):
    """Seconds, standard output and the most resident memory (bytes) of a whole process."""
    begin = time.perf_counter()
    p = subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=env)
    out = p.stdout.read().decode()
    _, status, usage = os.wait4(p.pid, 0)
    seconds = time.perf_counter() - begin
    p.returncode = os.waitstatus_to_exitcode(status)
    p.stdout.close()
    if p.returncode != 0:
        raise RuntimeError("exit code %d: %s" % (p.returncode, " ".join(argv)))
    return seconds, out, usage.ru_maxrss * 1024


def npy_header(dtype, count, shape=None):
    text = "{'descr': '%s', 'fortran_order': False, 'shape': %r, }" % (dtype, shape or (count,))
    text += " " * (127 - 10 - len(text)) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def make_npy(path, nbytes, shape=None):
    """float32 values that differ, from a megabyte that is repeated."""
    if os.path.exists(path) and os.path.getsize(path) == nbytes + 128:
        return
    seed, words = 1, []
    for _ in range(MIB // 4):
        seed = (seed * 1664525 + 1013904223) & 0xFFFFFFFF
        words.append((seed >> 8) * (1.0 / 16777216.0) - 0.25)
    block = struct.pack("<%df" % len(words), *words)
    with open(path, "wb") as f:
        f.write(npy_header("<f4", nbytes // 4, shape))
        for _ in range(nbytes // MIB):
            f.write(block)
        f.flush()
        os.fsync(f.fileno())


def make_sparse_npy(path, nbytes, last):
    with open(path, "wb") as f:
        f.write(npy_header("<f4", nbytes // 4))
        f.truncate(128 + nbytes)
        f.seek(128 + nbytes - 4)
        f.write(struct.pack("<f", last))


def warm(path):
    with open(path, "rb", buffering=0) as f:
        buffer = bytearray(4 * MIB)
        while f.readinto(buffer):
            pass


def drop_caches():
    subprocess.run(["sync"], check=True)
    with open("/proc/sys/vm/drop_caches", "w") as f:
        f.write("3\n")


def may_drop_caches():
    return os.geteuid() == 0 and os.access("/proc/sys/vm/drop_caches", os.W_OK)


class Bench:
    def __init__(self, args):
        self.args, self.table = args, Table()
        self.gpuproc = os.path.join(args.build, "bin", "gpuproc")
        self.memory_program = os.path.join(args.build, "bin", "gpuproc-bench-memory")
        self.peers = [args.python, os.path.join(HERE, "peers", "numpy_numexpr.py")]
        self.matrices = [args.python, os.path.join(HERE, "peers", "matrices.py"), args.openblas]
        self.notes, self.loads = [], {}
        os.makedirs(args.data, exist_ok=True)

    def note(self, text):
        self.notes.append(text)
        print("    note: " + text, flush=True)

    def eval(self, *argv, device="cpu", env=None):
        return run([self.gpuproc, "eval", *argv, "--device", device], env)

    def eval_time(self, *argv, **options):
        return lambda: self.eval(*argv, **options)[0]

    def file(self, name):
        return os.path.join(self.args.data, name)

    # ---- The cases ------------------------------------------------------------------------

    def case_a(self):
        """sqrt(x*x + y*y) and exp(sin(x))*y, float32, in memory (cases a and b)"""
        count = self.args.elements
        ours = Partner([self.memory_program, str(count)])
        peers = Partner(self.peers + [str(count)])
        there = [who for who, version in peers.ask("versions").items() if version and who in ("dask", "torch")]
        times = alternate({"gpuproc": ours.time("eval sqrt(x*x + y*y)"),
                           "by hand": ours.time("hypot"),
                           "numexpr": peers.time("numexpr hypot"),
                           "numpy": peers.time("numpy hypot"),
                           "numpy, no temporaries": peers.time("numpy-out hypot"),
                           **{who: peers.time(who + " hypot") for who in there}},
                          self.args.repeats)
        self.table.case("a", times)
        same = ours.ask("same")["same"]
        self.table.ratio("a", "speed over the hand-written AVX2 loop", "by hand", "gpuproc", ">=", 0.8)
        self.table.ratio("a", "speed over numexpr", "numexpr", "gpuproc", ">=", 3)
        self.table.ratio("a", "speed over NumPy", "numpy", "gpuproc", ">=", 4)
        self.table.ratio("a", "speed over NumPy without temporaries", "numpy, no temporaries",
                         "gpuproc", ">=", None)
        for who in there:
            self.table.ratio("a", "speed over " + who, who, "gpuproc", ">=", None)
        self.table.mark("a", "the same bits as the hand-written loop", float(same), ">=", 1)
        times = alternate({"gpuproc": ours.time("eval exp(sin(x))*y"),
                           "numexpr": peers.time("numexpr expsin"),
                           "numpy": peers.time("numpy expsin"),
                           **{who: peers.time(who + " expsin") for who in there}}, self.args.repeats)
        self.table.case("b", times)
        self.table.ratio("b", "speed over numexpr", "numexpr", "gpuproc", ">=", 2.5)
        self.table.ratio("b", "speed over NumPy", "numpy", "gpuproc", ">=", None)
        for who in there:
            self.table.ratio("b", "speed over " + who, who, "gpuproc", ">=", None)
        self.versions = peers.ask("versions")
        ours.close()
        peers.close()

    def case_c(self):
        """sum(x) of a file in the page cache; four reductions in one command (cases c and d)"""
        path = self.file("warm.npy")
        make_npy(path, self.args.warm)
        ours = Partner([self.memory_program, "1024"])
        peers = Partner(self.peers + ["1024"])
        x = "x=" + path
        times = alternate({"gpuproc": self.eval_time("sum(x)", x),
                           "four at once": self.eval_time("mean(x); std(x); min(x); max(x)", x),
                           "mapped read": ours.time("mapsum " + path),
                           "numpy memmap": peers.time("memmap " + path)},
                          self.args.repeats, before=lambda: warm(path))
        self.table.case("c", times)
        self.table.ratio("c", "rate over the raw mapped read", "mapped read", "gpuproc", ">=", 0.6)
        self.table.ratio("c", "speed over NumPy's memmap sum", "numpy memmap", "gpuproc", ">=", 2)
        self.table.ratio("c", "mean, std, min, max: time over sum alone", "four at once", "gpuproc",
                         "<=", 1.5)
        ours.close()
        peers.close()

    def case_e(self):
        """A cold file (case e)"""
        if not may_drop_caches():
            self.note("cold reads: skipped, the page cache may not be dropped here")
            return
        path = self.file("cold.npy")
        make_npy(path, self.args.cold)
        x = "x=" + path
        heavy = "sum(exp(sin(x))*cos(x) + log1p(x*x))"
        players = {"gpuproc": self.eval_time("sum(x)", x),
                   "gpuproc --sync": self.eval_time("sum(x)", x, "--sync"),
                   "heavy": self.eval_time(heavy, x),
                   "heavy --sync": self.eval_time(heavy, x, "--sync")}
        if shutil.which("fio"):
            players["fio"] = lambda: self.fio(path)
        times = alternate(players, self.args.cold_repeats, before=drop_caches, warm=0)
        self.table.case("e", times)
        if "fio" in players:
            self.table.ratio("e", "rate over fio, O_DIRECT, depth 8", "fio", "gpuproc", ">=", 0.9)
        else:
            self.note("fio is not installed")
        self.table.ratio("e", "--sync: time over overlapped", "gpuproc --sync", "gpuproc", ">=", 1)
        self.table.ratio("e", "--sync: time over overlapped, heavy expression", "heavy --sync",
                         "heavy", ">=", 1.1)

    def fio(self, path):
        out = subprocess.run(["fio", "--name=read", "--filename=" + path, "--readonly", "--rw=read",
                              "--direct=1", "--bs=1M", "--iodepth=8", "--ioengine=" + self.args.fio,
                              "--output-format=json"], check=True, capture_output=True, text=True)
        job = json.loads(out.stdout[out.stdout.index("{"):])["jobs"][0]
        # The time for the same bytes, without fio's own start and end.
        return self.args.cold / (job["read"]["io_bytes"] / (job["read"]["runtime"] / 1e3))

    def case_f(self):
        """A tiny input (case f)"""
        path = self.file("tiny.npy")
        with open(path, "wb") as f:
            f.write(npy_header("<f4", 4) + struct.pack("<4f", 1, 2, 3, 4))
        times = alternate({"gpuproc": self.eval_time("sum(x*x)", "x=" + path)},
                          self.args.repeats * 3)
        self.table.case("f", times)
        median = self.table.cases["f"]["gpuproc"]["median_s"]
        self.table.mark("f", "tiny input on the CPU, whole process", median * 1e3, "<=", 15, " ms",
                        self.table.cases["f"]["gpuproc"]["min_s"] * 1e3)
        self.program_time(path)

    def program_time(self, path):
        listing = json.loads(run([self.gpuproc, "devices", "--json"])[1])
        text = json.dumps(listing)
        if "pocl" not in text.lower() and "portable" not in text.lower():
            self.note("no PoCL device: the program cache is not measured")
            return
        cache = self.file("cache")
        env = dict(os.environ, XDG_CACHE_HOME=cache)
        spent = []
        for k in range(self.args.repeats):
            shutil.rmtree(cache, ignore_errors=True)
            first = self.report("sum(x*x)", "x=" + path, device="1", env=env)
            again = self.report("sum(x*x)", "x=" + path, device="1", env=env)
            if not again["program_cached"]:
                self.note("the second run did not find its program in the cache")
            spent.append((again["program_ns"] / 1e9, first["program_ns"] / 1e9))
        self.table.case("f-program", {"cached": [s[0] for s in spent], "compiled": [s[1] for s in spent]})
        c = self.table.cases["f-program"]["cached"]
        self.table.mark("f", "second run on PoCL: getting the program", c["median_s"] * 1e3, "<=", 10,
                        " ms", c["min_s"] * 1e3)

    def report(self, *argv, **options):
        return json.loads(self.eval(*argv, "--json", **options)[1])["report"]

    def case_g(self):
        """Resident memory (case g)"""
        most = {}
        for size in (self.args.sparse, 2 * self.args.sparse):
            path = self.file("sparse.npy")
            make_sparse_npy(path, size, 7.0)
            _, out, most[size] = self.eval("sum(x); max(x)", "x=" + path, "--memory", "128M", "--json")
            values = [r["value"] for r in json.loads(out)["results"]]
            os.unlink(path)
            if values != [7.0, 7.0]:
                raise RuntimeError("a sparse file of %d bytes gave %s" % (size, values))
            self.table.mark("g", "resident, %g GiB sparse, --memory 128M" % (size / GIB),
                            most[size] / MIB, "<=", 200, " MiB")
        low, high = sorted(most)
        self.table.mark("g", "resident, twice the file over once", most[high] / most[low], "<=", 1.05)

    def case_h(self):
        """Overlap on a device that is a GPU in time (case h)"""
        script = os.path.join(HERE, "overlap.sh")
        p = subprocess.run([script, self.args.build, self.args.data], capture_output=True, text=True)
        if p.returncode == 77:
            self.note("overlap: skipped, " + p.stderr.strip())
            return
        if p.returncode != 0:
            raise RuntimeError("overlap.sh: " + p.stderr)
        for line in p.stdout.splitlines():
            r = json.loads(line)
            print("    %-18s wall %.2f s, longest stage %.2f s, --sync %.2f s, %d chunks"
                  % (r["rates"], r["wall_s"], r["longest_s"], r["sync_s"], r["chunks"]), flush=True)
            self.table.cases["h-" + r["rates"]] = r
            what = "simulated GPU, %s: " % r["rates"]
            self.table.mark("h", what + "time over longest stage", r["wall_s"] / r["longest_s"], "<=", 1.1)
            self.table.mark("h", what + "--sync over overlapped", r["sync_s"] / r["wall_s"], ">=",
                            2 if r["rates"] == "balanced" else None)
            self.table.mark("h", what + "the same bits as the CPU", float(r["same"]), ">=", 1)
            self.table.mark("h", what + "chunks", r["chunks"], ">=", 40)

    def case_n(self):
        """Axes, neighbours, scans, windows, in memory (case n)"""
        count = self.args.elements
        ours = Partner([self.memory_program, str(count)])
        peers = Partner(self.peers + [str(count)])
        rows = "x.reshape(%d, 1024)" % (count // 1024)
        times = alternate({"axis 0": ours.time("eval sum(%s, axis=0)" % rows),
                           "numpy axis 0": peers.time("py sum(%s, axis=0)" % rows),
                           "axis -1": ours.time("eval sum(%s, axis=-1)" % rows),
                           "numpy axis -1": peers.time("py sum(%s, axis=-1)" % rows),
                           "raw read": ours.time("read")},
                          self.args.repeats)
        self.table.case("n", times)
        self.table.ratio("n", "sum over axis 0: speed over NumPy", "numpy axis 0", "axis 0", ">=", 3)
        self.table.ratio("n", "sum over axis -1: speed over NumPy", "numpy axis -1", "axis -1", ">=", 3)
        for axis in ("axis 0", "axis -1"):
            self.table.ratio("n", "sum over %s: rate over a raw read" % axis, "raw read", axis, ">=", 0.9)
            self.table.ratio("n", "a raw read: speed over NumPy's %s" % axis, "numpy " + axis, "raw read", ">=", None)
        window = "mean(sliding_window_view(x, 1000), axis=-1)"
        times = alternate({"sum": ours.time("reduce sum(x)"),
                           "raw read": ours.time("read"),
                           "moving average": ours.time("eval " + window),
                           "x + x": ours.time("eval x + x"),
                           "neighbours": ours.time("eval x[1:] - x[:-1]"),
                           "copy": ours.time("eval x"),
                           "cumsum": ours.time("eval cumsum(x)"),
                           "numpy cumsum": peers.time("py cumsum(x)"),
                           "numpy copy": peers.time("copy"),
                           "numpy neighbours": peers.time("py x[1:] - x[:-1]")}, self.args.repeats)
        self.table.case("n-scans", times)
        case = "n-scans"
        self.table.ratio(case, "sum(x): rate over a raw read", "raw read", "sum", ">=", 0.9)
        self.table.ratio(case, "moving average of 1000: time over sum(x)", "moving average", "sum", "<=", 3)
        self.table.ratio(case, "x[1:] - x[:-1]: time over x + x", "neighbours", "x + x", "<=", 1.3)
        self.table.ratio(case, "cumsum: time over a copy", "cumsum", "copy", "<=", 1.5)
        self.table.ratio(case, "cumsum: time over NumPy's copy", "cumsum", "numpy copy", "<=", None)
        self.table.ratio(case, "cumsum: speed over NumPy", "numpy cumsum", "cumsum", ">=", None)
        ours.close()
        peers.close()

    def case_q(self):
        """median of 256 Mi float32 in memory (case q)"""
        count = 4 * self.args.elements
        ours = Partner([self.memory_program, str(count)])
        peers = Partner(self.peers + [str(count)])
        times = alternate({"gpuproc": ours.time("reduce median(x)"), "numpy": peers.time("py median(x)")}, 3)
        self.table.case("q", times)
        self.table.ratio("q", "median: speed over NumPy", "numpy", "gpuproc", ">=", 1)
        ours.close()
        peers.close()

    # ---- Matrices -------------------------------------------------------------------------

    def square_files(self, length):
        """Two float32 matrices in files."""
        paths = [self.file("square%d%s.npy" % (length, name)) for name in "ab"]
        for path in paths:
            make_npy(path, 4 * length * length, (length, length))
        return paths

    def case_m(self):
        """Products of matrices in memory, 2048 (case m)"""
        ours = Partner([self.memory_program, "1024"])
        peers = Partner(self.matrices)
        self.matrix_versions = peers.ask("versions")
        for dtype in ("f4", "f8"):
            what = dtype + " 2048"
            players = {"gpuproc": ours.time("product " + what), "openblas": peers.time("openblas " + what),
                       "numpy": peers.time("numpy " + what)}
            if "torch" in self.matrix_versions:
                players["torch"] = peers.time("torch " + what)
            case = "m-" + dtype
            self.table.case(case, alternate(players, self.args.repeats))
            self.table.ratio(case, "product: rate over a direct OpenBLAS call", "openblas", "gpuproc", ">=", 0.95)
            for who in ("numpy", "torch"):
                if who in players:
                    self.table.ratio(case, "product: speed over " + who, who, "gpuproc", ">=", None)
        ours.close()
        peers.close()

    def case_o(self):
        """A product of matrices four times as large as the memory that it may use (case o)"""
        length = self.args.length
        a, b = self.square_files(length)
        out, theirs = self.file("product.npy"), self.file("product-dask.npy")
        memory = str(length * length)  # bytes: a quarter of an operand
        ours = Partner([self.memory_program, "1024"])
        peers = Partner(self.matrices)
        self.matrix_versions = peers.ask("versions")
        players = {"gpuproc": self.eval_time("a @ b", "a=" + a, "b=" + b, "-o", out, "-f", "--memory", memory),
                   "in memory": ours.time("product f4 %d" % length)}
        if "dask" in self.matrix_versions:
            players["dask"] = peers.time("dask-files %s %s %s %d" % (a, b, theirs, length))
        else:
            self.note("Dask is not installed")
        self.table.case("o", alternate(players, self.args.cold_repeats, before=lambda: (warm(a), warm(b))))
        report = self.report("a @ b", "a=" + a, "b=" + b, "-o", out, "-f", "--memory", memory)
        self.table.ratio("o", "out of core: rate over in memory", "in memory", "gpuproc", ">=", 0.85)
        if "dask" in players:
            self.table.ratio("o", "out of core: speed over Dask on memmaps", "dask", "gpuproc", ">=", 2)
        self.table.mark("o", "out of core: bytes read over the least", report["product_bytes"] /
                        max(1, report["product_least_bytes"]), "<=", 1.3)
        ours.close()
        peers.close()
        for path in (out, theirs):
            if os.path.exists(path):
                os.unlink(path)

    def case_p(self):
        """X.T @ X of a tall matrix in a file (case p)"""
        path = self.file("tall.npy")
        make_npy(path, self.args.tall, (self.args.tall // 256, 64))
        ours = Partner([self.memory_program, "1024"])
        peers = Partner(self.matrices)
        times = alternate({"gpuproc": self.eval_time("X.T @ X", "X=" + path, "-o", self.file("gram.npy"), "-f"),
                           "mapped read": ours.time("mapsum " + path),
                           "syrk": peers.time("syrk %s 64" % path),
                           "numpy": peers.time("gram numpy %s 64" % path)},
                          self.args.repeats, before=lambda: warm(path))
        self.table.case("p", times)
        c = self.table.cases["p"]
        bound = max(("mapped read", "syrk"), key=lambda who: c[who]["median_s"])
        self.table.ratio("p", "X.T @ X: time over the longer of reading and syrk", "gpuproc", bound, "<=", 1.3)
        self.table.ratio("p", "X.T @ X: speed over NumPy's memmap", "numpy", "gpuproc", ">=", None)
        ours.close()
        peers.close()
        os.unlink(self.file("gram.npy"))

    def case_t(self):
        """Transposition of a file (case t)"""
        rows = 1 << (self.args.transposed.bit_length() // 2 - 1)
        path, out, copy = self.file("matrix.npy"), self.file("transposed.npy"), self.file("copy.npy")
        make_npy(path, self.args.transposed, (rows, self.args.transposed // 4 // rows))
        times = alternate({"gpuproc": self.eval_time("x.T", "x=" + path, "-o", out, "-f"),
                           "cp": lambda: run(["cp", path, copy])[0],
                           "cp, then sync": lambda: run(["sh", "-c", "cp %s %s && sync %s" % (path, copy, copy)])[0]},
                          self.args.cold_repeats, before=lambda: warm(path))
        self.table.case("t", times)
        self.table.ratio("t", "x.T: time over cp", "gpuproc", "cp", "<=", 3)
        self.table.ratio("t", "x.T: time over cp and sync", "gpuproc", "cp, then sync", "<=", None)
        os.unlink(out)
        os.unlink(copy)

    # ---- Around them ----------------------------------------------------------------------

    def machine(self):
        model = "?"
        with open("/proc/cpuinfo") as f:
            for line in f:
                if line.startswith("model name"):
                    model = line.split(":", 1)[1].strip()
                    break
        version = run([self.gpuproc, "--version", "--json"])[1]
        commit = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"],
                                capture_output=True, text=True).stdout.strip()
        return {"processor": model, "cores": len(os.sched_getaffinity(0)),
                "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB, 1),
                "kernel": platform.release(), "libc": " ".join(platform.libc_ver()),
                "gpuproc": json.loads(version), "commit": commit, "load_at_start": self.load,
                "load_around_cases": self.loads,
                "peers": getattr(self, "versions", None), "matrix_peers": getattr(self, "matrix_versions", None)}

    def all(self):
        self.load = os.getloadavg()[0]
        print("load at start: %.2f (others' work makes every figure here worse)" % self.load)
        for name in self.args.cases:
            method = getattr(self, "case_" + name)
            print("%s: %s" % (name, method.__doc__), flush=True)
            before = os.getloadavg()[0]
            method()
            self.loads[name] = [before, os.getloadavg()[0]]
        print()
        print(self.table.text())
        if self.args.name:
            path = os.path.join(HERE, "results", self.args.name + ".json")
            with open(path, "w") as f:
                json.dump({"machine": self.machine(), "sizes": self.sizes(), "notes": self.notes,
                           "rows": self.table.rows, "cases": self.table.cases}, f, indent=1)
                f.write("\n")
            with open(path[:-5] + ".txt", "w") as f:
                f.write(self.table.text() + "\n")
        return all(r["met"] is not False for r in self.table.rows)

    def sizes(self):
        a = self.args
        return {"elements": a.elements, "warm_bytes": a.warm, "cold_bytes": a.cold,
                "sparse_bytes": a.sparse, "length": a.length, "tall_bytes": a.tall, "transposed_bytes": a.transposed,
                "repeats": a.repeats, "cold_repeats": a.cold_repeats}


def size(text):
    units = {"K": 1 << 10, "M": MIB, "G": GIB}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)


def main():
    p = argparse.ArgumentParser(prog="run.sh")
    p.add_argument("--build", required=True, help="the build folder")
    p.add_argument("--data", required=True, help="where test files go: a disk, not tmpfs")
    p.add_argument("--python", required=True, help="Python with NumPy and numexpr")
    p.add_argument("--name", help="results/NAME.json and .txt are written")
    p.add_argument("--cases", default="acefghnqmopt",
                   help="letters: a (and b), c (and d), e, f, g, h, n, q, m, o, p, t")
    p.add_argument("--elements", type=size, default=size("64M"))
    p.add_argument("--warm", type=size, default=size("1G"), help="bytes of the cached file")
    p.add_argument("--cold", type=size, default=size("4G"), help="bytes of the cold file")
    p.add_argument("--sparse", type=size, default=size("8G"), help="bytes of the smaller sparse file")
    p.add_argument("--length", type=int, default=8192, help="rows of the matrices of case o")
    p.add_argument("--tall", type=size, default=size("1G"), help="bytes of the matrix of case p")
    p.add_argument("--transposed", type=size, default=size("2G"), help="bytes of the matrix of case t")
    p.add_argument("--openblas", default="libopenblas.so.0", help="an OpenBLAS that has threads")
    p.add_argument("--repeats", type=int, default=9)
    p.add_argument("--cold-repeats", type=int, default=3)
    p.add_argument("--fio", default="io_uring", help="fio's engine")
    args = p.parse_args()
    # b and d are measured with a and c.
    args.cases = "".join(dict.fromkeys({"b": "a", "d": "c"}.get(name, name) for name in args.cases))
    unknown = [name for name in args.cases if not hasattr(Bench, "case_" + name)]
    if unknown:
        p.error("no case %s: the cases are a to h, n, q, m, o, p and t" % ", ".join(unknown))
    sys.exit(0 if Bench(args).all() else 3)


main()
