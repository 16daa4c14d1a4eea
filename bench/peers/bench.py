#!/usr/bin/env python3
"""Runs rows of the benchmark: thalweg alone, or in turn with the peers and then a table of ratios. Started by ../run."""
import argparse, contextlib, fcntl, json, os, pathlib, statistics, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
ROWS = ["book_sgd", "book_adam", "book_bn", "tiny1", "tiny32", "op_overhead", "dynamic_incl"]
STEP_PEERS = ["libtorch", "torch_eager", "torch_compile", "jax_jit", "numpy_book"]  # one call, or many, for each step
LOOP_PEERS = ["jax_scan"]  # the whole loop compiled


def has_row(row, peer):
    """Whether a peer has the row; what it lacks it says itself, at the price of starting it."""
    if row.startswith(("op_", "dynamic")) and peer == "numpy_book":
        return False
    if row.startswith("op_") and peer in ("torch_compile", "jax_jit", "jax_scan"):
        return False
    return not (peer == "jax_scan" and row.endswith("_loss"))


@contextlib.contextmanager
def lock():
    """One timed program at a time on this machine."""
    with open(os.environ.get("BENCH_LOCK", "/tmp/bench.lock"), "a") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def measure(row, peer, threads, seconds):
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
    return json.loads(lines[-1])


def median(records):
    return statistics.median(r["value"] for r in records) if records else None


def table(rows, results):
    """results: {(row, peer): [record]}. Peer / thalweg: above 1 thalweg is faster."""
    print(f"\n{'row':16}{'unit':14}{'thalweg':>10}   {'best step by step':26}{'whole loop compiled':26}all others / thalweg")
    for row in rows:
        ours = median(results.get((row, "thalweg")))
        if not ours:
            continue

        def times(peers):
            return sorted((median(results[row, p]), p) for p in peers if results.get((row, p)))

        def ratio(found):
            return f"{found[1]} {found[0]:.4g} = {found[0] / ours:.2f}x" if found else "-"
        step, loop = times(STEP_PEERS), times(LOOP_PEERS)
        others = "  ".join(f"{p} {v / ours:.2f}" for v, p in step[1:])
        unit = results[row, "thalweg"][0]["unit"]
        print(f"{row:16}{unit:14}{ours:>10.4g}   {ratio(step and step[0]):26}{ratio(loop and loop[0]):26}{others}")
    checks(rows, results)


def checks(rows, results):
    """Says where a loss differs from what the peers agree on. 100 steps from the same weights: rounding has grown."""
    for row in rows:
        found = {p: r[0]["check"] for (w, p), r in results.items() if w == row and r and r[0].get("check")}
        ours = found.pop("thalweg", None)
        if not ours:
            continue
        for peer, theirs in found.items():
            far = [abs(a - b) > 2e-3 * max(abs(a), abs(b), 1e-3) for a, b in zip(ours, theirs)]
            if any(far):
                print(f"{row}: losses {ours} against {theirs} of {peer}")


def main():
    ap = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    ap.add_argument("--rows", default=",".join(ROWS), help="rows with commas (bench/peers/peers.py --list); default: %(default)s")
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--seconds", type=float, default=2.0, help="for each row of each program")
    ap.add_argument("--peers", action="store_true", help="run the peers in turn with thalweg and print the ratios")
    ap.add_argument("--passes", type=int, default=3, help="turns with --peers; medians are taken over them")
    ap.add_argument("--instructions", action="store_true", help="count instructions with callgrind instead (AVX2)")
    a = ap.parse_args()
    if a.threads < 1 or a.seconds <= 0 or a.passes < 1:
        ap.error("--threads, --seconds and --passes must be above 0")
    rows = a.rows.split(",")
    known = subprocess.run([sys.executable, str(HERE / "peers.py"), "--list"], capture_output=True, text=True, check=True).stdout.split()
    for row in rows:
        if row not in known:
            ap.error(f"there is no row {row}; there are {', '.join(known)}")
    peers = ["thalweg"] + (STEP_PEERS + LOOP_PEERS if a.peers else [])
    results = {}
    for _ in range(a.passes if a.peers else 1):
        for row in rows:
            for peer in peers:
                if has_row(row, peer):
                    record = measure(row, peer, a.threads, a.seconds)
                    if record:
                        results.setdefault((row, peer), []).append(record)
    if a.peers:
        table(rows, results)
    if not all(results.get((row, "thalweg")) for row in rows):
        sys.exit(1)


main()
