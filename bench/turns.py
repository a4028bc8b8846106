"""Things that take turns, and what their times say."""
import json
import statistics
import subprocess
import time


class Partner:
    """A program that obeys one command per line and answers with one line of JSON."""

    def __init__(self, argv):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("%s ended at: %s" % (self.process.args[0], command))
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError("%s: %s" % (command, answer["error"]))
        return answer

    def time(self, command):
        return lambda: self.ask(command)["seconds"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def alternate(players, repeats, before=None, warm=1):
    """Lets the players (name -> function that returns seconds) take turns, each round in another
    order, so that none has always the same predecessor. before(): ahead of each turn."""
    times = {name: [] for name in players}
    names = list(players)
    for round_ in range(repeats + warm):
        for name in names[round_ % len(names):] + names[:round_ % len(names)]:
            if before is not None:
                before()
            time.sleep(0.1)  # idle workers of the player before (OpenBLAS's, OpenMP's) still spin for a while
            seconds = players[name]()
            if round_ >= warm:
                times[name].append(seconds)
    return times


def summary(seconds):
    """Median, least, and spread: the middle half's width over the median."""
    ordered = sorted(seconds)
    if len(ordered) < 4:
        width = ordered[-1] - ordered[0]
    else:
        quarters = statistics.quantiles(ordered, n=4, method="inclusive")
        width = quarters[2] - quarters[0]
    median = statistics.median(ordered)
    return {"median_s": median, "min_s": ordered[0], "max_s": ordered[-1],
            "spread": width / median if median else 0.0, "all_s": seconds}


class Table:
    """What was measured and how it compares with its marks."""

    def __init__(self):
        self.cases, self.rows = {}, []

    def case(self, name, times):
        self.cases[name] = {who: summary(t) for who, t in times.items()}
        for who, s in self.cases[name].items():
            print("    %-24s median %10.3f ms   min %10.3f ms   spread %4.0f %%"
                  % (who, s["median_s"] * 1e3, s["min_s"] * 1e3, s["spread"] * 100), flush=True)

    def ratio(self, case, what, over, under, sign, mark):
        """median(over) / median(under) beside its mark; the same of the least times, for a look
        at how much of it is noise."""
        c = self.cases[case]
        self.mark(case, what, c[over]["median_s"] / c[under]["median_s"], sign, mark,
                  best=c[over]["min_s"] / c[under]["min_s"])

    def mark(self, case, what, value, sign, mark, unit="", best=None):
        met = None if mark is None else (value >= mark if sign == ">=" else value <= mark)
        self.rows.append({"case": case, "what": what, "value": value, "best": best, "sign": sign,
                          "mark": mark, "unit": unit, "met": met})

    def text(self):
        lines = ["%-9s %-52s %10s %10s   %-12s %s" % ("case", "what", "measured", "of bests", "mark", "")]
        for r in self.rows:
            best = "" if r["best"] is None else "%.2f" % r["best"]
            mark = "" if r["mark"] is None else "%s %g%s" % (r["sign"], r["mark"], r["unit"])
            met = {True: "met", False: "MISSED", None: ""}[r["met"]]
            lines.append("%-9s %-52s %10s %10s   %-12s %s"
                         % (r["case"], r["what"], "%.2f%s" % (r["value"], r["unit"]), best, mark, met))
        return "\n".join(lines)
