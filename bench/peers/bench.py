#!/usr/bin/env python3
"""Runs rows of the benchmark: thalweg alone, or in turn with the peers and then a table of ratios. Started by ../run."""
import argparse, contextlib, fcntl, json, os, pathlib, re, statistics, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True
import page, rows as work

USUAL = ["book_sgd", "book_adam", "book_bn", "tiny1", "tiny32", "op_overhead", "dynamic_incl"]
LOOP_PEERS = ["jax_scan"]  # the whole loop compiled; the others are one call, or many, for each step


@contextlib.contextmanager
def lock():
    """One timed program at a time on this machine."""
    with open(os.environ.get("BENCH_LOCK", "/tmp/bench.lock"), "a") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def measure(row, peer, threads, seconds, out):
    """The JSON line, or None with the reason on stderr."""
    cmd = [sys.executable, str(HERE / "peers.py"), "--row", row, "--peer", peer, "--threads", str(threads), "--seconds", str(seconds)]
    with lock():
        o = subprocess.run(cmd, capture_output=True, text=True)
    lines = [l for l in o.stdout.splitlines() if l.startswith("{")]
    if o.returncode or not lines:
        why = (o.stderr.strip().splitlines() or [f"status {o.returncode}"])[-1]
        print(f"{row} {peer}: {why}", file=sys.stderr)
        return None
    print(lines[-1], flush=True)
    if out:
        with open(out, "a") as f:
            f.write(lines[-1] + "\n")
    return json.loads(lines[-1])


def is_rate(row):
    return work.ROWS[row]["unit"].startswith("GFLOP")


def cost(record):
    """Less is better."""
    return 1 / record["value"] if is_rate(record["row"]) else record["value"]


class Ratio:
    """Peer / thalweg, above 1 where thalweg is faster: of medians, and how far it goes from pass to pass."""

    def __init__(self, peer, ours, theirs):
        self.peer, self.value = peer, statistics.median(map(cost, theirs)) / statistics.median(map(cost, ours))
        single = [cost(b) / cost(a) for a, b in zip(ours, theirs)]
        self.low, self.high = min(single), max(single)

    def __str__(self):
        return f"{self.peer} {self.value:.2f} [{self.low:.2f}–{self.high:.2f}]"


def ratios_of(cells, results):
    """{cell: [Ratio], the nearest peer first}; results: {(row, threads, program): [record of each pass]}."""
    found = {}
    for cell in cells:
        if ours := results.get((*cell, "thalweg")):
            found[cell] = sorted((Ratio(p, ours, results[*cell, p]) for p in work.PEERS if results.get((*cell, p))), key=lambda r: r.value)
    return found


def table(cells, results):
    print(f"\n{'row':18}{'thr':>4}{'thalweg':>11} {'unit':14}{'best step by step':36}{'whole loop compiled':34}all others: time / thalweg's")
    for (row, threads), ratios in ratios_of(cells, results).items():
        ours = results[row, threads, "thalweg"]
        step = [r for r in ratios if r.peer not in LOOP_PEERS]
        loop = [r for r in ratios if r.peer in LOOP_PEERS]
        median = statistics.median(r["value"] for r in ours)
        others = "  ".join(f"{r.peer} {r.value:.2f}" for r in step[1:])
        print(f"{row:18}{threads:>4}{median:>11.4g} {ours[0]['unit']:14}{str(step[0]) if step else '-':36}{str(loop[0]) if loop else '-':34}{others}")
    first_steps(cells, results)
    checks(cells, results)


def first_steps(cells, results):
    """How long the first step of a training takes with all that is compiled for it, data in memory."""
    heading = f"\n{'first step, ms':18}{'thr':>4}{'thalweg':>11} time / thalweg's"
    for row, threads in cells:
        if work.ROWS[row]["unit"] != "us/step":
            continue
        first = {p: statistics.median(r["compile_s"] * 1e3 + r["value"] / 1e3 for r in found)
                 for (w, t, p), found in results.items() if (w, t) == (row, threads)}
        ours = first.pop("thalweg", None)
        if ours is None:
            continue
        others = "  ".join(f"{p} {v / ours:.3g}" for p, v in sorted(first.items(), key=lambda pair: pair[1]))
        if heading:
            print(heading)
            heading = ""
        print(f"{row:18}{threads:>4}{ours:>11.3g} {others}")


def show(cells, results, file):
    table(cells, results)
    if file:
        page.write(file, cells, ratios_of(cells, results), results)


def checks(cells, results):
    """Says where a result differs from what the peers agree on. 100 steps from the same weights: rounding has grown."""
    for row, threads in cells:
        if work.ROWS[row].get("drop"):  # masks differ
            continue
        found = {p: r[0]["check"] for (w, t, p), r in results.items() if (w, t) == (row, threads) and r[0].get("check")}
        ours = found.pop("thalweg", None)
        for peer, theirs in found.items() if ours else ():
            if any(abs(a - b) > 2e-3 * max(abs(a), abs(b), 1e-3) for a, b in zip(ours, theirs)):
                print(f"{row}: {ours} against {theirs} of {peer}")


def main():
    ap = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    ap.add_argument("--rows", default=",".join(USUAL), help="rows with commas, regular expressions among them, or 'all' (bench/peers/peers.py --list); default: %(default)s")
    ap.add_argument("--threads", default="1", help="1, 2, or 1,2 for both in turn")
    ap.add_argument("--seconds", type=float, default=2.0, help="for each row of each program")
    ap.add_argument("--peers", nargs="?", const=",".join(work.PEERS), default="", metavar="LIST",
                    help="run the peers (all, or those named) in turn with thalweg and print the ratios")
    ap.add_argument("--passes", type=int, default=3, help="turns with --peers; medians are taken over them")
    ap.add_argument("--out", help="append the JSON lines to this file too")
    ap.add_argument("--read", nargs="+", metavar="FILE", help="print the table of lines measured before instead of measuring")
    ap.add_argument("--page", metavar="FILE", help="write charts and all numbers to this page as well (needs gnuplot)")
    ap.add_argument("--instructions", action="store_true", help="count instructions with callgrind instead (AVX2)")
    a = ap.parse_args()
    if a.read:
        results = {}
        for line in (line for file in a.read for line in open(file) if line.startswith("{")):
            d = json.loads(line)
            results.setdefault((d["row"], d["threads"], d["peer"]), []).append(d)
        return show(list(dict.fromkeys((row, threads) for row, threads, _ in results)), results, a.page)
    if a.seconds <= 0 or a.passes < 1 or not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", a.threads):
        ap.error("--threads, --seconds and --passes must be above 0")
    rows = []
    for wanted in a.rows.split(","):
        found = [r for r in work.ROWS if wanted == "all" or re.fullmatch(wanted, r)]
        if not found:
            ap.error(f"there is no row {wanted}; there are {', '.join(work.ROWS)}")
        rows += [r for r in found if r not in rows]
    peers = [p for p in a.peers.split(",") if p]
    for peer in peers:
        if peer not in work.PEERS:
            ap.error(f"there is no peer {peer}; there are {', '.join(work.PEERS)}")
    cells = [(row, int(t)) for row in rows for t in a.threads.split(",")]
    results = {}
    for _ in range(a.passes if peers else 1):
        for row, threads in cells:
            for peer in ["thalweg"] + [p for p in peers if work.applies(row, p)]:
                record = measure(row, peer, threads, a.seconds, a.out)
                if record:
                    results.setdefault((row, threads, peer), []).append(record)
    if peers:
        show(cells, results, a.page)
    if not all(results.get((*cell, "thalweg")) for cell in cells):
        sys.exit(1)


main()
