#!/usr/bin/env python3
"""One row, one program, one JSON line. See README.md."""
import argparse, atexit, importlib, json, os, pathlib, resource, shutil, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True
PEERS = {"thalweg": "p_thalweg", "torch_eager": "p_torch", "torch_compile": "p_torch", "jax_jit": "p_jax", "jax_scan": "p_jax",
         "mlx_compile": "p_mlx", "mlx_eager": "p_mlx", "numpy_book": "p_numpy", "libtorch": "p_libtorch"}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--row")
    ap.add_argument("--peer", choices=PEERS)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--seconds", type=float, default=2.0)
    ap.add_argument("--stock", action="store_true", help="without the AVX-512 overrides (MKL, OpenBLAS)")
    ap.add_argument("--list", action="store_true", help="print the rows")
    ap.add_argument("--dump", metavar="DIR", help="write the row's data and initial weights as raw binaries, print its spec")
    a = ap.parse_args()
    venv = pathlib.Path(os.environ.get("PEERS_VENV") or
                        pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "thalweg-peers")
    env = dict(os.environ)
    t = str(a.threads)
    for k in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS", "DNNL_NUM_THREADS"):
        env[k] = t
    env.update(PYTHONDONTWRITEBYTECODE="1", TORCHINDUCTOR_COMPILE_THREADS="1", TORCHINDUCTOR_FORCE_DISABLE_CACHES="1",
               JAX_PLATFORMS="cpu", TF_CPP_MIN_LOG_LEVEL="3")
    if not a.stock:
        # keep freed memory (a page fault for every temporary else): about 20 % on torch's chain and layer norm, nothing on a small MLP
        env.update(MALLOC_MMAP_THRESHOLD_="4294967296", MALLOC_TRIM_THRESHOLD_="8589934592", MALLOC_TOP_PAD_="67108864")
        env["OPENBLAS_CORETYPE"] = "SkylakeX"  # OpenBLAS does not know this CPU's family and falls back to AVX2
        name = "libmklavx512.so" if "torch" in (a.peer or "") else "libopenblas.so" if (a.peer or "").startswith("mlx") else None
        if name and (venv / "preload" / name).exists():
            env["LD_PRELOAD"] = str(venv / "preload" / name)
    if a.peer == "mlx_compile" and os.environ.get("PEERS_CHILD") != "1":
        env["TMPDIR"] = env["PEERS_TMP"] = tempfile.mkdtemp()  # MLX keeps compiled kernels there: compile_s must be cold
    if os.environ.get("PEERS_CHILD") != "1":  # once more, with the environment set before anything is loaded
        env["PEERS_CHILD"] = "1"
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, set(cores[-a.threads:]))
        py = venv / "bin" / "python"
        if not py.exists():  # the rows' data and thalweg itself need only numpy
            py = pathlib.Path(sys.executable)
        os.execve(py, [str(py), str(HERE / "peers.py")] + sys.argv[1:], env)
    if a.list:
        import rows
        print("\n".join(rows.ROWS))
        return
    if a.dump:
        import rows, p_libtorch
        print(p_libtorch.dump(a.row, rows.ROWS[a.row], pathlib.Path(a.dump)))
        return
    import rows
    if a.row not in rows.ROWS:
        sys.exit(f"there is no row {a.row}; --list prints them")
    if os.environ.get("PEERS_TMP"):
        atexit.register(shutil.rmtree, os.environ["PEERS_TMP"], ignore_errors=True)
    s = rows.ROWS[a.row]
    if s["kind"] == "startup":
        import p_startup
        r, version = p_startup.run(a.peer, a.seconds)
    else:
        m = importlib.import_module(PEERS[a.peer])
        m.init(a.threads)
        r = m.run(a.row, s, a.peer, a.seconds)
        version = m.version
    if r is None:
        sys.exit(f"{a.peer} has no row {a.row}")
    note = [r.pop("note", "")] if r.get("note") else []
    r.pop("note", None)
    if a.row == "huge":
        note.append(f"{rows.flops(s) / r['value'] / 1e3:.0f} GFLOP/s")
    check = r.pop("check", None)
    rss = r.pop("peak_rss_mb", None) or round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    sig = lambda v: float(f"{v:.5g}")
    out = {"row": a.row, "peer": a.peer + ("_stock" if a.stock else ""), "version": version, "threads": a.threads,
           "unit": s["unit"], "value": sig(r["value"]), "min": sig(r["min"]), "max": sig(r["max"]), "steps": r["steps"],
           "peak_rss_mb": rss, "compile_s": sig(r.get("compile_s", 0)), "note": "; ".join(note)}
    u = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    out["preempted"] = sum(x.ru_nivcsw for x in u)  # times another program took the core: many mean a disturbed reading
    for k in ("disk_mb", "kernels", "bytes", "plans", "recording_mb"):  # the last four of one step: thalweg's own counters
        if k in r:
            out[k] = r[k]
    if check:
        out["check"] = [float(f"{c:.6g}") for c in check]
    print(json.dumps(out))


main()
