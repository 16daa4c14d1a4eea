#!/usr/bin/env python3
"""Reference paths of L-BFGS (PyTorch's, with its strong Wolfe line search) and of Muon (NumPy, from the authors' text), in
double precision: the numbers in ../lbfgs_test.cpp and ../muon_test.cpp. Needs PyTorch and NumPy.
"""
import numpy as np
import torch


def lbfgs():
    """f(w) = sum a (w - c)^2 / 2 + 0.1 sum (w - 0.3)^4, and the Rosenbrock function; values after some iterations."""
    i = torch.arange(20, dtype=torch.float64)
    a, c = 0.05 * 1.5**i, (i * 3 % 11) / 10 - 0.4

    def bowl(w):
        return (a * (w - c) ** 2).sum() / 2 + 0.1 * ((w - 0.3) ** 4).sum()

    def rosenbrock(w):
        return (100 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2).sum()
    for name, f, start in (("bowl", bowl, (i * 7 % 13) / 6 - 1), ("rosenbrock", rosenbrock, torch.tensor([-1.2, 1, -1.2, 1], dtype=torch.float64))):
        w = torch.nn.Parameter(start.clone())
        o = torch.optim.LBFGS([w], lr=1, max_iter=1, max_eval=1000, history_size=10, line_search_fn="strong_wolfe")

        def closure():
            o.zero_grad()
            loss = f(w)
            loss.backward()
            return loss
        rows = []
        for n in range(60):
            rows.append((f(w).item(), w.detach().sum().item()))
            o.step(closure)
        print(name, [rows[n] for n in (1, 2, 5, 10, 20)], f(w).item(), w.detach().tolist()[:4])


def muon(w, g, v, lr, mu=0.95, nesterov=True, scale="original", steps=5):
    v = mu * v + (1 - mu) * g
    x = (1 - mu) * g + mu * v if nesterov else v
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / np.sqrt((x * x).sum())
    for _ in range(steps):
        s = x @ x.T
        x = 3.4445 * x + (-4.7750 * s + 2.0315 * s @ s) @ x
    x = x.T if tall else x
    r, k = x.shape
    factor = max(1, r / k) ** 0.5 if scale == "original" else 0.2 * max(r, k) ** 0.5
    return w - lr * factor * x, v


def muon_paths():
    for options in ({}, {"nesterov": False}, {"scale": "adam"}, {"steps": 3, "mu": 0.8}):
        out = []
        for shape in ((3, 3), (4, 5), (6, 2)):
            i = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
            curvature, target, w = 0.25 + (i * 5 % 7) / 8, (i * 3 % 11) / 10 - 0.4, (i * 7 % 13) / 6 - 1
            v = np.zeros(shape)
            for t in range(100):
                g = curvature * (w - target) + ((t * 7 + i * 3) % 11 - 5) / 12
                w, v = muon(w, g, v, 0.02, **options)
            out += [w.sum(), (w.ravel() * np.arange(1, w.size + 1)).sum()]
        print(options, [float(x) for x in out])


lbfgs()
muon_paths()
