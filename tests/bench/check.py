#!/usr/bin/env python3
"""Reads back what gpuproc bench prints: tests/bench/README.md."""
import array
import copy
import csv
import html.parser
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

failures = []
program = ""


def check(what, condition, detail=""):
    if not condition:
        failures.append(f"{what}: {detail}" if detail != "" else what)


def bench(*argv, expect=0, **env):
    done = subprocess.run([program, "bench", *argv], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env=dict(os.environ, TMPDIR=os.path.realpath("temporary"), **env))
    check(f"exit code of {argv}", done.returncode == expect, f"{done.returncode}, expected {expect}: {done.stderr}")
    check(f"files of {argv}", os.listdir("temporary") == [], os.listdir("temporary"))
    return done


def npy(path, values):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({len(values)},), }}".ljust(117) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
        array.array("d", values).tofile(f)


def is_number(v):
    return isinstance(v, (int, float)) and not isinstance(v, bool)


# ---- JSON ---------------------------------------------------------------------------------

TEXTS = ["schema", "date", "command", "version", "commit", "compiler"]
ROW_TEXTS = ["case", "group", "expression", "data", "config", "device", "note"]
ROW_NUMBERS = ["elements", "bytes_in", "bytes_out", "flops", "jobs", "threads", "samples"]


def check_results(what, o, expect_times=True):
    for key in TEXTS:
        check(what, isinstance(o.get(key), str) and o[key] != "", key)
    check(what, o["schema"] == "gpuproc-bench-1", o["schema"])
    check(what, re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", o["date"]), o["date"])
    for key in ("cpu", "kernel", "temporary_files"):
        check(what, isinstance(o["machine"].get(key), str), key)
    check(what, o["machine"]["cores"] >= 1 and o["machine"]["memory_bytes"] > 0, o["machine"])
    check(what, o["devices"] and o["devices"][0]["index"] == 0, o["devices"])
    check(what, o["machine"]["others_cores"] is None or 0 <= o["machine"]["others_cores"] <= 1.5 * o["machine"]["cores"],
          o["machine"])
    check(what, is_number(o["limits"]["flops"]) and o["limits"]["flops"] > 0, o["limits"])
    for level in o["limits"]["memory"]:
        check(what, level["bytes"] > 0 and level["read_bytes_per_s"] > 0 and level["copy_bytes_per_s"] > 0, level)
    check(what, o["wrong"] == 0, o["wrong"])
    check(what, o["results"], "no results")
    for r in o["results"]:
        for key in ROW_TEXTS:
            check(what, isinstance(r.get(key), str), (key, r))
        for key in ROW_NUMBERS:
            check(what, is_number(r.get(key)), (key, r))
        check(what, isinstance(r["sync"], bool), r)
        if r["samples"] == 0:
            check(what, r["median_s"] is None and r["note"] != "", r)
            continue
        check(what, 0 < r["min_s"] <= r["median_s"] <= r["max_s"] and r["spread"] >= 0, r)
        check(what, (r["limit"] is None) == (r["fraction"] is None), r)
        if r["correct"] is not None:
            check(what, r["correct"] == (r["difference"] <= r["allowed"]), r)
    reference = o["results"][0]["config"]
    for r in o["results"]:
        if r["config"] != reference and r["samples"] > 0:
            check(what, r["correct"] is True, f"not compared: {r}")
    for f in o["findings"]:
        check(what, f["kind"] in ("speedup", "overlap", "scaling", "break_even"), f)
        check(what, is_number(f["ratio"]) and f["text"] != "", f)
        if f["kind"] == "scaling":
            check(what, 0 <= f["serial_fraction"] <= 1, f)
        if f["kind"] != "break_even":
            row, other = (find(o, f["case"], f["elements"], f[k]) for k in ("config", "against"))
            check(what, abs(other["median_s"] / row["median_s"] - f["ratio"]) < 1e-6 * f["ratio"], f)


def find(o, case, elements, config):
    return next(r for r in o["results"]
                if (r["case"], r["elements"], r["config"]) == (case, int(elements), config))


# ---- The page -----------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """Every element that shows a number, with its text; and the JSON that is in the page."""

    def __init__(self, text):
        super().__init__()
        self.numbers, self.row, self.open, self.json, self.links, self.in_json = [], {}, None, "", [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        self.links += [v for k, v in attributes if k in ("src", "href", "action", "data", "xlink:href")]
        if tag == "tr":
            self.row = a
        self.in_json = tag == "script" and a.get("id") == "bench"
        if "data-v" in a:
            self.open = [tag, a, self.row if tag == "td" else {}, ""]
            self.numbers.append(self.open)
        elif tag in ("td", "tr"):
            self.open = None

    def handle_endtag(self, tag):
        if tag == "script":
            self.in_json = False
        if self.open is not None and tag in (self.open[0], "tr"):
            self.open = None

    def handle_data(self, data):
        if self.in_json:
            self.json += data
        if self.open is not None:
            self.open[3] += data


UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "%": 0.01, "GB/s": 1e9, "GFLOP/s": 1e9}


def shown(text):
    """The first number of a text, in its unit."""
    m = re.search(r"(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?) ?(ns|us|ms|s|%|GB/s|GFLOP/s)?(?: |$)", text)
    return None if m is None else float(m[1]) * UNITS.get(m[2], 1)


def check_page(what, text, o):
    p = Page(text)
    check(what, json.loads(p.json) == o, "the JSON in the page is another")
    check(what, p.links == [], f"it needs {p.links}")
    check(what, "http" not in text.split("<script")[0].replace("http-equiv", ""), "it names an address")
    check(what, "prefers-color-scheme:dark" in text and "width=device-width" in text, "schemes")
    limits = {k: v for k, v in o["limits"].items() if k != "memory"}
    cells = 0
    for tag, a, row, text in p.numbers:
        v = float(a["data-v"])
        if "data-case" in row:
            cells += 1
            r = find(o, row["data-case"], row["data-elements"], row["data-config"])
            check(what, v == r[a["data-k"]], (a, row, r))
            low = 0.006 if a["data-k"] == "fraction" else 0.0006
            check(what, abs(shown(text) - v) <= max(0.006 * v, low if a["data-k"] != "median_s" else 0), (text, v))
        elif "data-limit" in a:
            wanted = [m[a["data-limit"]] for m in o["limits"]["memory"] if a["data-limit"] in m]
            check(what, v in wanted + [limits.get(a["data-limit"])], (a, o["limits"]))
            check(what, abs(shown(text) - v) <= 0.001 * v, (text, v))
        elif "data-kind" in a:
            kind = ["speedup", "overlap", "scaling"][int(a["data-kind"])]
            same = [f for f in o["findings"] if (f["kind"], f["case"], str(f["elements"]), f["config"]) ==
                    (kind, a["data-case"], a["data-elements"], a["data-config"])]
            check(what, len(same) == 1 and same[0]["ratio"] == v, (a, same))
            check(what, abs(shown(text) - v) <= 0.00501, (text, v))
            if kind == "scaling":
                check(what, float(a["data-serial"]) == same[0]["serial_fraction"], (a, same))
        elif tag == "circle":
            r = find(o, a["data-case"], a["data-elements"], a["data-config"])
            check(what, v == r["median_s"] or abs(v * r["median_s"] - r["flops"]) <= 1e-6 * r["flops"], (a, r))
    wanted = sum((2 + (r["fraction"] is not None)) for r in o["results"] if r["samples"] > 0)
    check(what, cells == wanted, f"{cells} numbers in the table, expected {wanted}")


# ---- Runs -----------------------------------------------------------------------------------


def check_suite():
    done = bench("--quick", "--filter", "reduction", "--device", "cpu", "--seconds", "1", "--threads", "2", "--json",
                 "--html", "page.html")
    o = json.loads(done.stdout)
    check_results("suite", o)
    check("suite", o["command"].startswith("gpuproc bench --quick --filter reduction"), o["command"])
    check("suite", {r["case"] for r in o["results"]} == {"sum", "four", "columns", "rows"}, "cases")
    check("suite", {r["config"] for r in o["results"]} == {"cpu x2", "cpu x1", "cpu x2 sync"}, "configurations")
    check("suite", {f["kind"] for f in o["findings"]} == {"overlap", "scaling"}, "findings")
    with open("page.html") as f:
        check_page("page", f.read(), o)
    before = os.stat("page.html").st_mtime_ns
    done = bench("--quick", "--filter", "sum", "--seconds", "1", "--html", "page.html", expect=2)
    check("page", "page.html exists already" in done.stderr, done.stderr)
    check("page", os.stat("page.html").st_mtime_ns == before, "it was replaced")
    os.unlink("page.html")
    # Every kind of data, files included; nothing but what was asked for on standard output.
    done = bench("--quick", "--device", "cpu", "--seconds", "1", "--threads", "1", "--csv")
    check("csv", "\r\n" in done.stdout or "\n" in done.stdout, "lines")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    check("csv", len({r["case"] for r in rows}) == 15, {r["case"] for r in rows})
    for r in rows:
        check("csv", None not in r and None not in r.values(), r)
        check("csv", r["median_s"] == "" if r["note"] != "" else float(r["median_s"]) > 0, r)
        check("csv", r["correct"] in ("", "true"), r)
    return o


def check_sizes():
    """Several sizes: lines against the size, and from where threads pay."""
    done = bench("--filter", "matmul", "--device", "cpu", "--seconds", "2", "--threads", "2", "--json", "--html", "page.html")
    o = json.loads(done.stdout)
    check_results("sizes", o)
    check("sizes", len({r["elements"] for r in o["results"]}) == 3, o["results"])
    found = [f for f in o["findings"] if f["kind"] == "break_even"]
    check("sizes", len(found) == 1 and found[0]["where"] in ("never", "always", "from", "up_to"), found)
    check("sizes", (found[0]["break_even_elements"] is None) == (found[0]["where"] in ("never", "always")), found)
    with open("page.html") as f:
        text = f.read()
    check_page("page of sizes", text, o)
    # Three sizes of two ways against the size, the largest of each under the roof.
    check("page of sizes", text.count("<circle ") == 8, text.count("<circle "))
    os.unlink("page.html")


def check_markdown():
    done = bench("--quick", "--filter", "sum", "--device", "cpu", "--seconds", "1", "--markdown")
    table = [line for line in done.stdout.splitlines() if line.startswith("|")]
    check("markdown", len(table) >= 4, done.stdout)
    check("markdown", len({line.count("|") for line in table}) == 1, table)
    check("markdown", done.stdout.startswith("# gpuproc bench\n"), done.stdout[:80])
    text = bench("--quick", "--filter", "sum", "--device", "cpu", "--seconds", "1").stdout
    check("text", "reduction: sum(x), memory" in text and "\nsum " in text and "same bits" in text, text)


def check_expression():
    npy("x.npy", [float(i % 7) for i in range(10_000)])
    for expression in ("sum(x)", "x*2 + 1", "mean(x); max(x)", "-x"):
        done = bench(expression, "x=x.npy", "--device", "cpu", "--seconds", "1", "--json")
        o = json.loads(done.stdout)
        check_results(expression, o)
        check(expression, {r["expression"] for r in o["results"]} == {expression}, o["results"])
        check(expression, o["results"][0]["bytes_in"] == 80_000, o["results"][0])
    done = bench("sum(x", "x=x.npy", expect=2)
    check("an expression that is none", "^" in done.stderr, done.stderr)
    done = bench("sum(x)", "x=no.npy", expect=1)
    check("no such file", "no.npy" in done.stderr, done.stderr)
    bench("sum(y)", "x=x.npy", expect=2)


def check_difference():
    """A pipe that gives another number to each who opens it: the bench fails and says where."""
    os.mkfifo("changing")
    stop = threading.Event()

    def feed():
        k = 0
        while not stop.is_set():
            with open("changing", "wb", buffering=0) as f:  # waits for a reader
                k += 1
                # One that only looked may have gone; the next one must find something.
                while not stop.is_set():
                    try:
                        f.write(array.array("d", [float(k)]).tobytes())
                        break
                    except BrokenPipeError:
                        pass

    thread = threading.Thread(target=feed)
    thread.start()
    done = subprocess.run([program, "bench", "sum(x)", "x=changing,dtype=f8,shape=1", "--device", "cpu", "--seconds", "1",
                           "--json"], capture_output=True, text=True, timeout=120)
    stop.set()
    os.close(os.open("changing", os.O_RDONLY | os.O_NONBLOCK))
    thread.join()
    check("difference", done.returncode == 1, (done.returncode, done.stderr))
    check("difference", "differs from" in done.stderr, done.stderr)
    check("difference", json.loads(done.stdout)["wrong"] > 0, "not told in the JSON")


# ---- Comparing --------------------------------------------------------------------------------


def write(path, o):
    with open(path, "w") as f:
        json.dump(o, f)


def check_compare(o):
    one = copy.deepcopy(o)
    one["results"] = [dict(find(o, "sum", 16384, "cpu x2"), median_s=0.01, spread=0.05, note="")]
    one["machine"]["others_cores"] = 0
    write("old.json", one)

    def changed(factor, spread=0.05, **more):
        new = copy.deepcopy(one)
        new["results"][0].update(median_s=0.01 * factor, spread=spread)
        new.update(more)
        write("new.json", new)
        return new

    changed(1.08)
    done = bench("--compare", "old.json", "new.json")
    check("within noise", done.stdout == "no change beyond noise in 1 measurements\n", done.stdout)
    changed(0.5)
    done = bench("--compare", "old.json", "new.json")
    check("faster", done.stdout.startswith("faster  sum ") and "2.00 times as fast" in done.stdout, done.stdout)
    check("faster", done.stdout.count("\n") == 1 and done.stderr == "", done.stdout + done.stderr)
    changed(2)
    done = bench("--compare", "old.json", "new.json", expect=4)
    check("slower", done.stdout.startswith("slower  sum ") and "0.50 times as fast" in done.stdout, done.stdout)
    done = bench("--compare", "old.json", "new.json", "--json", expect=4)
    changes = json.loads(done.stdout)
    check("as JSON", (changes["compared"], changes["faster"], changes["slower"]) == (1, 0, 1), changes)
    check("as JSON", changes["changes"][0]["change"] == "slower" and changes["changes"][0]["ratio"] == 0.5, changes)
    changed(2, spread=0.6)
    bench("--compare", "old.json", "new.json")
    many, drifted = copy.deepcopy(one), copy.deepcopy(one)
    many["results"] = [dict(one["results"][0], elements=n) for n in range(1, 10)]
    drifted["results"] = [dict(one["results"][0], elements=n, median_s=0.0092) for n in range(1, 10)]
    write("many.json", many)
    write("drifted.json", drifted)
    done = bench("--compare", "many.json", "drifted.json")
    check("all moved", "0 of 9 measurements changed; all together are 1.09 times as fast" in done.stdout, done.stdout)
    new = changed(1)
    new["machine"]["cpu"] = "another"
    write("new.json", new)
    done = bench("--compare", "old.json", "new.json")
    check("another machine", "not the same machine" in done.stderr, done.stderr)
    new["machine"].update(one["machine"], others_cores=0.7)
    write("new.json", new)
    done = bench("--compare", "old.json", "new.json")
    check("others were busy", "other programs use 0.7 cores now: that may be the change" in done.stderr, done.stderr)
    new["results"][0]["case"] = "unheard-of"
    write("new.json", new)
    done = bench("--compare", "old.json", "new.json", expect=1)
    check("nothing in common", "nothing to compare" in done.stderr, done.stderr)
    # From a pipe, and against a run of its own.
    write("new.json", one)
    with open("new.json") as f:
        done = subprocess.run([program, "bench", "--compare", "old.json", "-"], stdin=f, capture_output=True, text=True)
    check("from a pipe", done.returncode == 0, done.stderr)
    write("old.json", o)
    done = subprocess.run([program, "bench", "--compare", "old.json", "--quick", "--filter", "reduction", "--device", "cpu",
                           "--seconds", "1", "--threads", "2", "--json", "--html", "own.html"], capture_output=True, text=True)
    check("a run of its own", done.returncode in (0, 4), done.stderr)
    check("the page of a run of its own", os.path.exists("own.html"), os.listdir())
    for options in (["--csv"], ["--markdown"], ["new.json", "--html", "two.html"]):
        bench("--compare", "old.json", *options, expect=2)
    check("a run of its own", json.loads(done.stdout)["compared"] == len(o["results"]), done.stdout)
    for name, text in {"none.json": "{}", "list.json": "[]", "broken.json": '{"schema":', "empty.json": "",
                       "other.json": '{"schema": "gpuproc-bench-1", "results": 5}',
                       "odd.json": '{"schema": "gpuproc-bench-1", "results": [5, null, {"case": 3}], "machine": 7}'}.items():
        with open(name, "w") as f:
            f.write(text)
        bench("--compare", name, "old.json", expect=1)
        bench("--compare", "old.json", name, expect=1)
    bench("--compare", "missing.json", expect=1)


# ---- Refused, interrupted ------------------------------------------------------------------------


def check_refused():
    for argv in (["--seconds", "0"], ["--seconds", "x"], ["--threads", "0"], ["--json", "--csv"], ["--quik"], ["--html", "-"],
                 ["--html", "no/such/page.html"], ["--progress=sometimes"], ["--compare"], ["sum(x)", "--quick"],
                 ["sum(x)", "--filter", "sum"], ["sum(x)", "x"], ["sum(x)", "x=-"], ["--compare", "a", "b", "c"],
                 ["--compare", "a", "--csv"]):
        done = bench(*argv, expect=2)
        check(f"refused {argv}", done.stdout == "" and done.stderr.startswith("gpuproc: error: "), done.stderr)
    done = bench("--filter", "nonesuch", expect=2)
    check("nothing left", "--filter 'nonesuch'" in done.stderr, done.stderr)
    done = bench("--device", "nonesuch", expect=1)
    check("no device", "nonesuch" in done.stderr, done.stderr)


def check_interrupt():
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        p = subprocess.Popen([program, "bench", "--quick", "--filter", "streaming", "--device", "cpu", "--seconds", "100",
                              "--progress=json", "--html", "interrupted.html"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, env=dict(os.environ, TMPDIR=os.path.realpath("temporary")),
                             # Who is started in the background may have been told to ignore it.
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        lines = 0
        for line in p.stderr:
            lines += '"what":"file-map' in line
            if lines > 0:
                break
        check("interrupted", os.listdir("temporary") != [], "there were no files yet")
        p.send_signal(number)
        try:
            out, err = p.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
        check("interrupted", p.returncode == code, (p.returncode, err))
        check("interrupted", out == "" and os.listdir("temporary") == [], (out, os.listdir("temporary")))
        check("interrupted", not os.path.exists("interrupted.html"), "there is a page")


def main():
    global program
    program = os.path.realpath(sys.argv[1])
    os.environ.pop("GPUPROC_DEVICE", None)
    os.environ.pop("GPUPROC_THREADS", None)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chdir(folder)
        os.mkdir("temporary")
        begin = time.monotonic()
        o = check_suite()
        check_sizes()
        check_markdown()
        check_expression()
        check_difference()
        check_compare(o)
        check_refused()
        check_interrupt()
        print(f"{time.monotonic() - begin:.1f} s")
        os.chdir("/")
    for f in failures[:40]:
        print(f)
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
