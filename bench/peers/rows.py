"""The rows: what is measured. One place; every program reads its work from here."""
import gzip, os, pathlib, struct
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def venv():
    return pathlib.Path(os.environ.get("PEERS_VENV") or
                        pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "thalweg-peers")


def _mlp(sizes, opt="sgd", batch=128, act="relu", loss="ce", bn=0, drop=0.0, wd=0.0, data="mnist", block=100,
         lr=None, unit="us/step", nb=1024, every=0):
    lr = lr or {"sgd": .01, "momentum": .01, "adagrad": .01, "adam": .001}[opt]
    return dict(kind="mlp", sizes=sizes, opt=opt, batch=batch, act=act, loss=loss, bn=bn, drop=drop, wd=wd,
                data=data, block=block, lr=lr, unit=unit, nb=nb, every=every)


B = [784, 100, 100, 100, 100, 10]
ROWS = {
    "book_sgd": _mlp(B), "book_momentum": _mlp(B, "momentum"), "book_adagrad": _mlp(B, "adagrad"),
    "book_adam": _mlp(B, "adam"),
    "book_bn": _mlp([784] + [100] * 5 + [10], batch=100, bn=1),
    "book_wd": _mlp([784] + [100] * 6 + [10], batch=100, wd=.1),
    "book_dropout": _mlp([784] + [100] * 6 + [10], batch=100, drop=.2),
    "mnist_full": _mlp([784, 256, 256, 10], "adam", bn=1, drop=.2),
    "wide": _mlp([784, 1024, 1024, 1024, 10], "adam", 256, block=10, nb=64),
    "huge": _mlp([4096] * 5, batch=512, loss="mse", data="rand", block=2, nb=8),
    "tiny1": _mlp([2, 16, 16, 1], batch=1, act="tanh", loss="mse", data="rand"),
    "tiny32": _mlp([2, 16, 16, 1], batch=32, act="tanh", loss="mse", data="rand"),
}
for r in list(ROWS):
    if r not in ("wide", "huge"):
        ROWS[r + "_loss"] = dict(ROWS[r], every=1)
for h in (0, 4, 8):
    for w in (10, 40, 160):
        for b in (32, 128):
            ROWS[f"rxla_h{h}_w{w}_b{b}"] = _mlp([10] + [w] * h + [1], batch=b, loss="mse", data="seq",
                                                block=10 * 1024 // b, unit="s/10 epochs", nb=1024 // b)
for n, m in (("1e4", 10_000), ("1e6", 1_000_000), ("1e7", 10_000_000)):
    ROWS[f"chain_{n}"] = dict(kind="fn", fn="chain", n=m, unit="ns/element")
ROWS["softmax_ce"] = dict(kind="fn", fn="softmax_ce", n=4096, m=1000, unit="us/call")
ROWS["layernorm_like"] = dict(kind="fn", fn="layernorm", n=4096, m=512, unit="us/call")
ROWS["layernorm_fused"] = dict(kind="fn", fn="layernorm_fused", n=4096, m=512, unit="us/call")
ROWS["batchnorm_graph"] = dict(kind="fn", fn="batchnorm", n=4096, m=512, unit="us/call")
ROWS["batchnorm_fused"] = dict(kind="fn", fn="batchnorm_fused", n=4096, m=512, unit="us/call")
ROWS["logsumexp_f64"] = dict(kind="fn", fn="logsumexp", n=1_000_000, unit="ns/element")
for m in (512, 1024, 2048):
    for d in ("f32", "f64", "bf16"):
        ROWS[f"matmul_{m}_{d}"] = dict(kind="matmul", n=m, dtype=d, unit="GFLOP/s")
# An optimizer's step alone; "limit": as many streams of memory, with next to no arithmetic; "hand": the update as one loop
# written by hand; yogi: a user's own.
for o in ("sgd", "momentum", "adam", "adamw", "yogi"):
    for n, z in (("110k", B), ("10m", [1000, 2000, 2000, 2000])):
        ROWS[f"opt_{o}_{n}"] = dict(kind="opt", opt=o, sizes=z, limit=0, unit="ns/element")
        ROWS[f"opt_{o}_{n}_limit"] = dict(ROWS[f"opt_{o}_{n}"], limit=1)
        ROWS[f"opt_{o}_{n}_hand"] = dict(ROWS[f"opt_{o}_{n}"], limit=2)
ROWS["op_overhead"] = dict(kind="ops", n=1000, unit="ns/op")
ROWS["op_add"] = dict(kind="opadd", n=1000, unit="ns/op")
# None of the graphs repeats: op kinds and their meaning are in graphs_data.
ROWS["random_graphs"] = dict(kind="graphs", graphs=10000, lo=15, hi=143, block=250, unit="ns/op")
ROWS["dynamic_incl"] = dict(kind="rnn", hidden=64, inp=32, batch=16, seqs=200, lo=5, hi=50, unit="us/time step", lr=.01)
ROWS["dynamic_excl"] = dict(ROWS["dynamic_incl"])
ROWS["hvp"] = dict(kind="hvp", sizes=B, batch=128, unit="us/call")
ROWS["startup"] = dict(kind="startup", unit="s")
PEERS = ["jax_scan", "jax_jit", "libtorch", "torch_eager", "torch_compile", "mlx_compile", "mlx_eager", "numpy_book"]


def applies(row, peer):
    """Whether a peer has the row; what it lacks it says itself, at the price of starting it."""
    s = ROWS[row]
    k, fused = s["kind"], s.get("fn", "").endswith("fused")
    if peer == "jax_scan":
        return k == "rnn" or (k == "mlp" and not s["every"])
    if k == "graphs":  # compiled step by step, each graph would take its compilation
        return peer in ("libtorch", "torch_eager", "mlx_eager")
    if k == "opt":
        return peer == "torch_eager" and not s["limit"] and s["opt"] != "yogi"
    if k == "startup":
        return peer != "mlx_compile"
    if fused:
        return peer in ("libtorch", "torch_eager") or (peer == "mlx_eager" and s["fn"].startswith("layer"))
    if peer == "numpy_book":
        return k not in ("rnn", "hvp", "ops") and s.get("dtype") != "bf16"
    if peer in ("torch_compile", "mlx_compile") and k in ("matmul", "opadd"):
        return False
    return not (peer == "torch_compile" and k == "ops")


def flops(s):
    """Matmul flops of one training step (forward, dW, and dX of all but the first layer)."""
    z, b = s["sizes"], s["batch"]
    f = sum(2 * b * i * o for i, o in zip(z, z[1:]))
    return 3 * f - 2 * b * z[0] * z[1]


def _idx(path):
    with gzip.open(path) as f:
        magic, = struct.unpack(">i", f.read(4))
        dims = struct.unpack(">" + "i" * (magic & 255), f.read(4 * (magic & 255)))
        return np.frombuffer(f.read(), np.uint8).reshape(dims)


def _mnist():
    cache = venv() / "data" / "mnist.npz"
    if cache.exists():
        z = np.load(cache)
        return z["x"], z["y"]
    src = HERE.parent.parent / "data" / "mnist"
    if (src / "train-images-idx3-ubyte.gz").exists():
        x = (_idx(src / "train-images-idx3-ubyte.gz").reshape(-1, 784) / np.float32(255)).astype(np.float32)
        y = _idx(src / "train-labels-idx1-ubyte.gz").astype(np.int32)
    else:  # same shapes and sparsity, made up
        g = np.random.default_rng(7)
        x = np.maximum(g.normal(-.6, .6, (60000, 784)), 0).astype(np.float32)
        y = g.integers(0, 10, 60000).astype(np.int32)
    cache.parent.mkdir(parents=True, exist_ok=True)
    tmp = cache.with_suffix(f".{os.getpid()}.npz")
    np.savez(tmp, x=x, y=y)
    tmp.rename(cache)
    return x, y


def mlp_data(s):
    """x, y, batch index table (nb x batch, int32), initial weights [(W (in,out), b)]; the same for every peer."""
    g = np.random.default_rng(1)
    z = s["sizes"]
    if s["data"] == "mnist":
        x, y = _mnist()
    else:
        n = 1024 if z[0] < 1000 else 2048
        x = g.standard_normal((n, z[0]), np.float32)
        if z[-1] == 1:
            y = np.sin(x[:, :2].sum(1, keepdims=True)).astype(np.float32)
        else:
            y = g.standard_normal((n, z[-1]), np.float32)
    if s["data"] == "seq":
        t = np.arange(s["nb"] * s["batch"], dtype=np.int32).reshape(s["nb"], s["batch"])
    else:
        t = g.integers(0, len(x), (s["nb"], s["batch"])).astype(np.int32)
    ws = []
    for i, o in zip(z, z[1:]):
        std = np.sqrt((2 if s["act"] == "relu" else 1) / i).astype(np.float32)
        ws.append((g.standard_normal((i, o), np.float32) * std, np.zeros(o, np.float32)))
    return x, y, t, ws


def fn_data(s):
    """Inputs of the value+gradient rows."""
    g = np.random.default_rng(2)
    f, n, m = s["fn"], s["n"], s.get("m")
    if f == "chain":
        return (g.standard_normal(n, np.float32),)
    if f == "logsumexp":
        return (g.standard_normal(n),)
    if f == "softmax_ce":
        return g.standard_normal((n, m), np.float32), g.integers(0, m, n).astype(np.int32)
    x = g.standard_normal((n, m), np.float32)
    r = g.standard_normal((n, m), np.float32)  # loss = sum(y * r): a gradient that is not trivial
    return x, (1 + .1 * g.standard_normal(m, np.float32)).astype(np.float32), .1 * g.standard_normal(m, np.float32), r


def rnn_data(s):
    g = np.random.default_rng(3)
    h, i, b = s["hidden"], s["inp"], s["batch"]
    lens = g.integers(s["lo"], s["hi"] + 1, s["seqs"])
    x = g.standard_normal((s["hi"], b, i), np.float32)  # each sequence is the first T rows of this
    y = g.standard_normal((b, 1), np.float32)
    p = [g.standard_normal((i, h), np.float32) / np.float32(np.sqrt(i)),
         g.standard_normal((h, h), np.float32) / np.float32(np.sqrt(h)),
         np.zeros(h, np.float32), g.standard_normal((h, 1), np.float32) / np.float32(np.sqrt(h)), np.zeros(1, np.float32)]
    return lens, x, y, p


def hvp_data(s):
    x, y, t, ws = mlp_data(ROWS["book_sgd"])
    g = np.random.default_rng(4)
    v = [(g.standard_normal(w.shape, np.float32), g.standard_normal(b.shape, np.float32)) for w, b in ws]
    return x[t[0]], y[t[0]], ws, v


def graphs_data(s):
    """Lengths of the graphs, their ops (kind, place, place), input, weight and bias. Place 0 is the input, place i the value of op i.
    Kinds: tanh a, sigmoid a, relu a / 2, (a + b) / 2, a - b / 4, tanh(a b), tanh(a w + bias), a - mean of b's rows, softmax a.
    The loss is the mean of (last w + bias)^2; gradients are those of weight and bias."""
    g = np.random.default_rng(5)
    lens = g.integers(s["lo"], s["hi"] + 1, s["graphs"])
    places = np.concatenate([np.arange(1, n + 1) for n in lens])
    ops = np.stack([g.integers(0, 9, len(places)), g.integers(0, places), g.integers(0, places)], 1)
    return lens.astype(np.int32), ops.astype(np.int32), np.full((8, 16), .5, np.float32), \
        g.standard_normal((16, 16), np.float32) / 4, np.zeros(16, np.float32)
