"""startup: a fresh process imports the library, builds 2-16-16-1 tanh, does one training step of batch 32, exits."""
import json, os, pathlib, subprocess, sys, time
from importlib.metadata import version as _v
import rows

CODE = {
    "torch_eager": """
import torch
net = torch.nn.Sequential(torch.nn.Linear(2,16), torch.nn.Tanh(), torch.nn.Linear(16,16), torch.nn.Tanh(), torch.nn.Linear(16,1))
opt = torch.optim.SGD(net.parameters(), lr=.01)
l = torch.nn.functional.mse_loss(net(torch.ones(32,2)), torch.ones(32,1)); l.backward(); opt.step(); print(l.item())""",
    "torch_compile": """
import torch
net = torch.nn.Sequential(torch.nn.Linear(2,16), torch.nn.Tanh(), torch.nn.Linear(16,16), torch.nn.Tanh(), torch.nn.Linear(16,1))
opt = torch.optim.SGD(net.parameters(), lr=.01)
f = torch.compile(lambda x,y: torch.nn.functional.mse_loss(net(x), y))
l = f(torch.ones(32,2), torch.ones(32,1)); l.backward(); opt.step(); print(l.item())""",
    "jax_jit": """
import jax, jax.numpy as jnp, numpy as np
g = np.random.default_rng(0); z=[2,16,16,1]
P = [(g.standard_normal((i,o)).astype('f'), np.zeros(o,'f')) for i,o in zip(z,z[1:])]
def loss(P,x,y):
    for w,b in P[:-1]: x = jnp.tanh(x@w+b)
    w,b = P[-1]; return jnp.square(x@w+b-y).mean()
@jax.jit
def step(P,x,y):
    l,G = jax.value_and_grad(loss)(P,x,y); return jax.tree.map(lambda p,d: p-.01*d, P, G), l
P,l = step(P, np.ones((32,2),'f'), np.ones((32,1),'f')); print(float(l))""",
    "mlx_eager": """
import mlx.core as mx, mlx.nn as nn, mlx.optimizers as optim
mx.set_default_device(mx.cpu)
net = nn.Sequential(nn.Linear(2,16), nn.Tanh(), nn.Linear(16,16), nn.Tanh(), nn.Linear(16,1)); opt = optim.SGD(.01)
vg = nn.value_and_grad(net, lambda n,x,y: mx.square(n(x)-y).mean())
l,g = vg(net, mx.ones((32,2)), mx.ones((32,1))); opt.update(net,g); mx.eval(net.parameters(), l); print(l.item())""",
    "numpy_book": """
import numpy as np
g = np.random.default_rng(0); f='f'
W=[g.standard_normal(s).astype(f) for s in ((2,16),(16,16),(16,1))]
x=np.ones((32,2),f); y=np.ones((32,1),f)
a=np.tanh(x@W[0]); b=np.tanh(a@W[1]); o=b@W[2]; e=o-y; d=e*np.float32(2/32)
G=[None]*3; G[2]=b.T@d; d=(d@W[2].T)*(1-b*b); G[1]=a.T@d; d=(d@W[1].T)*(1-a*a); G[0]=x.T@d
for w,q in zip(W,G): w-=np.float32(.01)*q
print(float((e*e).mean()))""",
}
PKG = {"torch_eager": ["torch"], "torch_compile": ["torch"], "jax_jit": ["jax", "jaxlib", "scipy", "scipy.libs", "numpy", "numpy.libs", "ml_dtypes", "opt_einsum"],
       "mlx_eager": ["mlx", "mlx_cpu.libs"], "numpy_book": ["numpy", "numpy.libs"], "libtorch": ["torch/lib", "torch/include"]}


def _du(peer):
    import sysconfig
    if peer == "thalweg":
        return round(_program().stat().st_size / 2**20, 1)
    sp = pathlib.Path(sysconfig.get_paths()["purelib"])
    seen, n = set(), 0
    for p in PKG[peer]:
        for f in ([sp / p] if (sp / p).is_file() else (sp / p).rglob("*")):
            if peer == "libtorch" and "cuda" in f.name:
                continue
            if f.is_file() and not f.is_symlink():
                n += f.stat().st_size
    return round(n / 2**20)


def _program():
    return pathlib.Path(os.environ.get("THALWEG_STARTUP") or pathlib.Path(__file__).resolve().parents[2] / "build/release/bench/startup")


def run(peer, seconds):
    if peer not in ("libtorch", "thalweg") and peer not in CODE:
        return None, ""
    if peer == "thalweg":
        cmd = [str(_program())]
    elif peer == "libtorch":
        cmd = [str(rows.venv() / "bin" / "libtorch_peer"), "kind=startup;threads=1"]
    else:
        cmd = [sys.executable, "-c", CODE[peer]]
    env = dict(os.environ)
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # let the libraries keep their compiled bytecode, as any user would
    t, rss = [], 0
    for k in range(6 if peer != "torch_compile" else 3):
        a = time.perf_counter()
        p = subprocess.Popen(cmd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
        _, st, ru = os.wait4(p.pid, 0)
        if st:
            raise SystemExit(f"startup of {peer} failed")
        t.append(time.perf_counter() - a)
        rss = max(rss, ru.ru_maxrss / 1024)
    t = sorted(t[1:])  # the first one warms the file cache
    if peer == "thalweg":
        return dict(value=t[len(t) // 2], min=t[0], max=t[-1], steps=len(t), peak_rss_mb=round(rss, 1), disk_mb=_du(peer),
                    note=f"{_du(peer)} MB on disk"), ""
    pk = {"torch_eager": "torch", "torch_compile": "torch", "jax_jit": "jax", "mlx_eager": "mlx", "numpy_book": "numpy", "libtorch": "torch"}[peer]
    return dict(value=t[len(t) // 2], min=t[0], max=t[-1], steps=len(t), peak_rss_mb=round(rss, 1), disk_mb=_du(peer),
                note=f"{_du(peer)} MB on disk" + (" (without its CUDA libraries)" if peer == "libtorch" else "")), _v(pk)
