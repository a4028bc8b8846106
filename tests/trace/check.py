#!/usr/bin/env python3
"""Reads back what gpuproc eval --trace and --timeline write: tests/trace/README.md."""
import array
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

STAGES = ["read", "upload", "kernel", "download", "fold", "write", "program", "spool", "commit", "open"]
SVG = "{http://www.w3.org/2000/svg}"
failures = []
MATRICES = False  # device 1 multiplies


def check(what, condition, detail=""):
    if not condition:
        failures.append(f"{what}: {detail}" if detail != "" else what)


def npy(path, count):
    """A float64 .npy file of one axis."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({count},), }}"
    header = header.ljust(117) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
        array.array("d", (float(i * 7 % 1000) for i in range(count))).tofile(f)


def union(spans):
    total, end = 0, 0
    for a, b in sorted(spans):
        a = max(a, end)
        if b > a:
            total += b - a
            end = b
    return total


def ns(us):
    """Microseconds with three decimals are whole nanoseconds."""
    return round(us * 1000)


def check_event(what, e):
    check(what, isinstance(e.get("name"), str) and e["name"] != "", e)
    check(what, e.get("ph") in ("X", "M"), e)
    for key in ("pid", "tid"):
        check(what, isinstance(e.get(key), int), e)
    if e.get("ph") == "X":
        for key in ("ts", "dur"):
            v = e.get(key)
            check(what, isinstance(v, (int, float)) and not isinstance(v, bool) and v >= 0, e)
        check(what, e.get("cat") in STAGES + ["job"], e)
        check(what, isinstance(e.get("args"), dict), e)
        if e.get("cat") in STAGES:
            for key in ("pass", "bytes"):
                check(what, isinstance(e["args"].get(key), int), e)
    else:
        check(what, e["name"] in ("process_name", "thread_name", "thread_sort_index"), e)
        check(what, ("sort_index" if e["name"] == "thread_sort_index" else "name") in e.get("args", {}), e)


def check_nesting(what, events):
    """Of one thread: each is inside, or behind, the one before."""
    for tid in {e["tid"] for e in events}:
        open_until = []
        own = [(ns(e["ts"]), ns(e["ts"]) + ns(e["dur"])) for e in events if e["tid"] == tid]
        for begin, end in sorted(own, key=lambda s: (s[0], -s[1])):
            while open_until and open_until[-1] <= begin:
                open_until.pop()
            check(what, not open_until or end <= open_until[-1], f"thread {tid} does not nest at {begin} ns")
            open_until.append(end)


def check_slots(what, events):
    for slot in {e["args"]["slot"] for e in events if "slot" in e["args"]}:
        own = sorted((ns(e["ts"]), ns(e["ts"]) + ns(e["dur"])) for e in events if e["args"].get("slot") == slot)
        for (_, end), (begin, _) in zip(own, own[1:]):
            check(what, begin >= end, f"slot {slot}: a span begins at {begin} ns, before {end} ns")


def check_trace(what, path, report):
    trace = json.load(open(path, encoding="utf-8"))
    check(what, trace.get("displayTimeUnit") in ("ms", "ns"))
    events = trace["traceEvents"]
    for e in events:
        check_event(what, e)
    named = {e["tid"] for e in events if e["name"] == "thread_name"}
    spans = [e for e in events if e["ph"] == "X" and e["cat"] != "job"]
    check(what, {e["tid"] for e in spans} <= named, "a thread without a name")
    check(what, trace["otherData"]["report"] == report, "the trace's report is another one")
    check_nesting(what, [e for e in events if e["ph"] == "X"])
    check_slots(what, spans)
    if report["spans_dropped"] > 0:
        return
    check(what, {e["cat"] for e in spans} == set(report["stages"]), report["stages"].keys())
    for stage, told in report["stages"].items():
        own = [e for e in spans if e["cat"] == stage]
        times = [(ns(e["ts"]), ns(e["ts"]) + ns(e["dur"])) for e in own]
        check(what, len(own) == told["spans"], stage)
        check(what, sum(e["args"]["bytes"] for e in own) == told["bytes"], f"{stage}: bytes")
        check(what, union(times) == told["busy_ns"], f"{stage}: busy {union(times)}, told {told['busy_ns']}")
        check(what, sum(b - a for a, b in times) == told["sum_ns"], f"{stage}: sum")
        check(what, all(b <= report["wall_ns"] for _, b in times), f"{stage}: behind the end")
    check(what, sum(e["args"]["bytes"] for e in spans if e["cat"] == "read") == report["bytes_read"])
    check(what, sum(e["args"]["bytes"] for e in spans if e["cat"] == "write") == report["bytes_written"])


def check_report(what, report):
    stages = report["stages"]
    longest = max(s["busy_ns"] for s in stages.values())
    check(what, stages[report["limit"]]["busy_ns"] == longest, report["limit"])
    check(what, abs(report["limit_share"] - longest / report["wall_ns"]) < 1e-5)
    overlap = sum(s["busy_ns"] for s in stages.values()) / report["wall_ns"]
    check(what, abs(report["overlap"] - overlap) < 1e-5 * max(1, overlap))
    check(what, "predicted" in report)
    for stage, s in stages.items():
        check(what, stage in STAGES and s["busy_ns"] <= s["sum_ns"] and s["busy_ns"] <= report["wall_ns"], stage)


def check_svg(what, path, report):
    check(what, os.path.getsize(path) < 1_000_000, os.path.getsize(path))
    root = ET.parse(path).getroot()
    check(what, root.tag == SVG + "svg")
    check(what, root.get("data-wall-ns") == str(report["wall_ns"]))
    check(what, root.get("data-limit") == report["limit"])
    check(what, abs(float(root.get("data-overlap")) - report["overlap"]) < 1e-5 * max(1, report["overlap"]))
    style = root.find(SVG + "style").text
    check(what, "prefers-color-scheme:dark" in style and "url(" not in style and "@import" not in style)
    rows = [g for g in root.iter(SVG + "g") if g.get("data-stage")]
    for stage, told in report["stages"].items():
        own = [g for g in rows if g.get("data-stage") == stage]
        check(what, sum(int(g.get("data-bytes")) for g in own) == told["bytes"], stage)
        check(what, sum(int(g.get("data-spans")) for g in own) == told["spans"], stage)
        if len(own) == 1:
            check(what, own[0].get("data-busy-ns") == str(told["busy_ns"]), stage)
    width = float(root.get("viewBox").split()[2])
    height = float(root.get("viewBox").split()[3])
    for r in root.iter(SVG + "rect"):
        x, w = float(r.get("x", 0)), float(r.get("width"))
        y, h = float(r.get("y", 0)), float(r.get("height"))
        check(what, x >= 0 and y >= 0 and x + w <= width + 0.5 and y + h <= height, ET.tostring(r))
        check(what, w > 0 and h > 0, ET.tostring(r))
    return "".join(root.itertext())


def run(program, argv, expect=0, **env):
    env = dict(os.environ, LC_ALL="C.UTF-8", **env)
    done = subprocess.run([program, "eval"] + argv, env=env, capture_output=True, text=True)
    check(" ".join(argv), done.returncode == expect, f"exit code {done.returncode}: {done.stderr}")
    return done


CASES = [
    (["sqrt(x*x + y*y)", "-o", "r.npy", "--chunk", "128K"], {}),
    (["sqrt(x*x + y*y)", "-o", "r.npy", "--chunk", "128K", "--sync"], {}),
    (["(x - mean(x)) / std(x)", "-o", "r.npy", "--chunk", "64K"], {}),
    (["cumsum(x) + median(y)", "-o", "r.npy", "--chunk", "100K"], {}),
    (["x[x > 500]", "-o", "r.npy", "--chunk", "100K"], {}),
    (["mean(x[1:] - x[:-1])"], {}),
    (["x + y", "-o", "r.npy", "--chunk", "8K"], {"dense": True}),
    (["2 + 3"], {"none": True}),
    (["reshape(float32(x[:160000]), (400, 400)) @ reshape(float32(y[:160000]), (400, 400)) + 1", "-o", "r.npy",
      "--chunk", "100K"], {"product": True}),
    (["sum(x) * 2 < 3 # \"<&>'\" \u00b5"], {}),
]


def check_product(what, path, device):
    """What is multiplied belongs to a chunk and to whoever multiplied it."""
    spans = [e for e in json.load(open(path, encoding="utf-8"))["traceEvents"] if e.get("ph") == "X"]
    kernels = [e for e in spans if e["cat"] == "kernel" and "slot" not in e["args"]]
    check(what, len({e["args"].get("chunk") for e in kernels}) > 3, "multiplications of too few chunks")
    check(what, all(e["args"]["bytes"] > 0 and "chunk" in e["args"] for e in kernels), kernels)
    uploads = [e for e in spans if e["cat"] == "upload"]
    if device == "cpu":
        check(what, not uploads and len({e["args"]["device"] for e in kernels}) == 1, uploads)
    if device == "1" and MATRICES:
        check(what, uploads and {e["args"]["device"] for e in kernels} == {e["args"]["device"] for e in uploads})


def check_case(program, device, argv, dense=False, none=False, product=False):
    what = f"device {device}: {' '.join(argv)}"
    binds = [f"{n}={n}.npy" for n in ("x", "y") if re.search(rf"\b{n}\b", argv[0])]
    done = run(program, argv + binds + ["-f", "--json", "--report", "--device", device, "--trace", "t.json",
                                        "--timeline", "t.svg", "--timeline", "-"])
    if done.returncode != 0:
        return
    report = json.loads(done.stdout)["report"]
    check(what, not [f for f in os.listdir(".") if f.endswith(".part")], "a temporary file is left")
    if not none:
        check_report(what, report)
    check_trace(what, "t.json", report)
    text = check_svg(what, "t.svg", report)
    check(what, argv[0][:90] in text, "the expression is not in the picture")
    if product:
        check_product(what, "t.json", device)
    if dense:
        check(what, report["chunks"] > 100, report["chunks"])
    for line in done.stderr.splitlines():
        check(what, len(line) <= 82 or "gpuproc" in line, f"wider than the terminal: {line}")
    if not none:
        check(what, "<" in done.stderr and report["limit"] in done.stderr, done.stderr)


def check_fallbacks(program, layer):
    """A device that fails half-way: its chunks are done again on the CPU, and the trace says so."""
    argv = ["x * y + 1", "x=x.npy", "y=y.npy", "-o", "r.npy", "-f", "--chunk", "128K", "--device", "1", "--json",
            "--trace", "t.json", "--timeline", "t.svg"]
    env = {"OPENCL_LAYERS": layer, "GPUPROC_FAIL_COUNT": os.path.abspath("count")}
    run(program, argv, **env)
    calls = int(open("count").read())
    seen = False
    for percent in range(40, 100, 12):
        what = f"failing from call {calls * percent // 100} on"
        done = run(program, argv, GPUPROC_FAIL_AT=str(calls * percent // 100), GPUPROC_FAIL_MODE="forever", **env)
        if done.returncode != 0:
            continue
        report = json.loads(done.stdout)["report"]
        check_report(what, report)
        check_trace(what, "t.json", report)
        check_svg(what, "t.svg", report)
        spans = [e for e in json.load(open("t.json"))["traceEvents"] if e.get("cat") == "kernel"]
        again = [e for e in spans if e["args"].get("fallback")]
        failed = [e for e in spans if e["args"].get("failed")]
        if again:
            seen = True
            check(what, report["fallbacks"] >= len(again), report["fallbacks"])
            check(what, failed, "nothing failed, and yet it was done again")
            check(what, {e["args"]["device"] for e in again}.isdisjoint(e["args"]["device"] for e in failed))
    check("fallbacks", seen, "no chunk was done again")


def main():
    global MATRICES
    program = os.path.realpath(sys.argv[1])
    if len(sys.argv) > 2:
        sys.argv[2] = os.path.realpath(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        npy("x.npy", 200_003)
        npy("y.npy", 200_003)
        listed = json.loads(subprocess.run([program, "devices", "--json"], capture_output=True, text=True).stdout)
        listed = listed["devices"] if isinstance(listed, dict) else listed
        count = len(listed)
        MATRICES = count > 1 and bool(listed[1].get("matrices"))
        for device in ["cpu"] + (["1", "all"] if count > 1 else []):
            for argv, options in CASES:
                check_case(program, device, argv, **options)
        if count > 1 and len(sys.argv) > 2:
            check_fallbacks(program, sys.argv[2])
        run(program, ["sum(x)", "x=nothing.npy", "--trace", "none.json"], expect=1)
        check("a run that failed", not os.path.exists("none.json"), "its trace is there")
        os.chdir("/")
    for f in failures[:40]:
        print(f)
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
