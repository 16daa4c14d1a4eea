#!/usr/bin/env python3
"""Reference paths of every optimizer, in NumPy and double precision, each written from its paper.

    optimizers.py > ../reference_paths.inc      # what optimizer_references_test.cpp compares with
    optimizers.py --torch                       # compares these paths with PyTorch's where the conventions agree

Each case descends the same noisy bowl for 120 steps in three shapes, its rate falling on a straight line. Recorded are
the sum and the weighted sum of each shape's values at the end, and the sum of all of them after steps 1 and 7.
"""
import sys
import numpy as np

SHAPES = [(3,), (4, 5), (2, 3, 2)]
STEPS = 120


def start(shape):
    i = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    curvature = 0.25 + (i * 5 % 7) / 8
    target = (i * 3 % 11) / 10 - 0.4
    value = (i * 7 % 13) / 6 - 1
    return i, curvature, target, value


def gradient(i, curvature, target, value, step):
    return curvature * (value - target) + ((step * 7 + i * 3) % 11 - 5) / 12


def rate_at(rate, step):  # steps count from 0
    return rate / 2 + (rate - rate / 2) * (1 - min(step, 200) / 200)


class Optimizer:
    """rule(self, w, g, t, lr) -> new w, for one array; s holds its state, all zero at first."""

    def __init__(self, rule, lr, decay=0.0, form="coupled", maximize=False, clip_value=None, clip_norm=None, constant=False,
                 **options):
        self.rule, self.lr, self.decay, self.form, self.maximize = rule, lr, decay, form, maximize
        self.clip_value, self.clip_norm, self.constant, self.o = clip_value, clip_norm, constant, options

    def run(self, record):
        parts = [start(shape) for shape in SHAPES]
        values = [p[3].copy() for p in parts]
        states = [{} for _ in parts]
        for step in range(STEPS):
            lr = self.lr if self.constant else rate_at(self.lr, step)
            gradients = [gradient(*p[:3], w, step) for p, w in zip(parts, values)]
            if self.clip_norm is not None:
                norm = np.sqrt(sum((g * g).sum() for g in gradients))
                gradients = [g * min(1.0, self.clip_norm / norm) for g in gradients]
            for k, (g, s) in enumerate(zip(gradients, states)):
                w = values[k]
                if self.clip_value is not None:
                    g = np.clip(g, -self.clip_value, self.clip_value)
                if self.maximize:
                    g = -g
                if self.decay and self.form == "coupled":
                    g = g + self.decay * w
                if self.decay and self.form == "decoupled" and self.rule is not lamb:
                    w = w - lr * self.decay * w
                o = dict(self.o, decay=self.decay) if self.rule is lamb and self.form == "decoupled" else self.o
                values[k] = self.rule(w, g, step + 1, lr, s, **o)
            record(step + 1, values)


def zero(s, name, like):
    return s.setdefault(name, np.zeros_like(like))


def sgd(w, g, t, lr, s):
    return w - lr * g


def momentum(w, g, t, lr, s, mu=0.9, dampening=0.0, with_rate=True):
    v = zero(s, "v", w)
    if t > 1:
        g = (1 - dampening) * g
    if with_rate:  # Sutskever et al. 2013, equation 1
        s["v"] = mu * v - lr * g
        return w + s["v"]
    s["v"] = mu * v + g
    return w - lr * s["v"]


def nag(w, g, t, lr, s, mu=0.9, kind="look_ahead"):
    v = zero(s, "v", w)
    if kind == "without_rate":
        s["v"] = mu * v + g
        return w - lr * (g + mu * s["v"])
    s["v"] = mu * v - lr * g
    if kind == "printed":
        return w + mu * mu * s["v"] - (1 + mu) * lr * g
    return w + mu * mu * v - (1 + mu) * lr * g  # Bengio et al. 2012, equation 7


def adagrad(w, g, t, lr, s, eps=1e-7, initial=0.0, rate_decay=0.0):
    if t == 1:
        s["h"] = np.full_like(w, initial)
    s["h"] = s["h"] + g * g
    return w - lr / (1 + (t - 1) * rate_decay) * g / (np.sqrt(s["h"]) + eps)


def rmsprop(w, g, t, lr, s, rho=0.99, eps=1e-7, inside=False, mu=0.0, centered=False):
    s["h"] = rho * zero(s, "h", w) + (1 - rho) * g**2
    h = s["h"]
    if centered:  # Graves 2013, equations 38 to 41
        s["m"] = rho * zero(s, "m", w) + (1 - rho) * g
        h = h - s["m"] ** 2
    step = g / (np.sqrt(h + eps) if inside else np.sqrt(h) + eps)
    if mu == 0:
        return w - lr * step
    s["v"] = mu * zero(s, "v", w) + step
    return w - lr * s["v"]


def adadelta(w, g, t, lr, s, rho=0.95, eps=1e-6):
    s["g2"] = rho * zero(s, "g2", w) + (1 - rho) * g**2
    dx = -np.sqrt(zero(s, "x2", w) + eps) / np.sqrt(s["g2"] + eps) * g
    s["x2"] = rho * s["x2"] + (1 - rho) * dx**2
    return w + lr * dx


def moments(w, g, s, b1, b2):
    s["m"] = b1 * zero(s, "m", w) + (1 - b1) * g
    s["v"] = b2 * zero(s, "v", w) + (1 - b2) * g**2
    return s["m"], s["v"]


def adam(w, g, t, lr, s, b1=0.9, b2=0.999, eps=1e-8, book=False):
    m, v = moments(w, g, s, b1, b2)
    if book:  # Kingma and Ba, the end of section 2
        return w - lr * np.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + eps)
    return w - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)


def amsgrad(w, g, t, lr, s, b1=0.9, b2=0.999, eps=1e-8, corrected=True):
    m, v = moments(w, g, s, b1, b2)
    s["max"] = np.maximum(zero(s, "max", w), v)
    c1, c2 = (1 - b1**t, 1 - b2**t) if corrected else (1, 1)
    return w - lr * (m / c1) / (np.sqrt(s["max"] / c2) + eps)


def nadam(w, g, t, lr, s, b1=0.9, b2=0.999, eps=1e-8, psi=0.004):
    def mu(t):
        return b1 * (1 - 0.5 * 0.96 ** (t * psi))

    m, v = moments(w, g, s, b1, b2)
    s["p"] = s.get("p", 1.0) * mu(t)
    m_hat = mu(t + 1) * m / (1 - s["p"] * mu(t + 1)) + (1 - mu(t)) * g / (1 - s["p"])
    return w - lr * m_hat / (np.sqrt(v / (1 - b2**t)) + eps)


def radam(w, g, t, lr, s, b1=0.9, b2=0.999, eps=1e-8):
    m, v = moments(w, g, s, b1, b2)
    m_hat = m / (1 - b1**t)
    inf = 2 / (1 - b2) - 1
    rho = inf - 2 * t * b2**t / (1 - b2**t)
    if rho <= 5:
        return w - lr * m_hat
    r = np.sqrt((rho - 4) * (rho - 2) * inf / ((inf - 4) * (inf - 2) * rho))
    return w - lr * r * m_hat * np.sqrt(1 - b2**t) / (np.sqrt(v) + eps)


def adamax(w, g, t, lr, s, b1=0.9, b2=0.999, eps=1e-8):
    s["m"] = b1 * zero(s, "m", w) + (1 - b1) * g
    s["u"] = np.maximum(b2 * zero(s, "u", w), np.abs(g) + eps)
    return w - lr / (1 - b1**t) * s["m"] / s["u"]


def lion(w, g, t, lr, s, b1=0.9, b2=0.99):
    m = zero(s, "m", w)
    s["m"] = b2 * m + (1 - b2) * g
    return w - lr * np.sign(b1 * m + (1 - b1) * g)


def asgd(w, g, t, lr, s, lambd=1e-4, alpha=0.75, t0=1e6):
    eta = lr / (1 + lambd * lr * (t - 1)) ** alpha
    w = (1 - lambd * eta) * w - eta * g
    s["ax"] = zero(s, "ax", w) + (w - s["ax"]) / max(1, t - 1 - t0)
    return w


def rprop(w, g, t, lr, s, down=0.5, up=1.2, least=1e-6, most=50.0):
    if t == 1:
        s["d"] = np.full_like(w, lr)
    sign = g * zero(s, "g", w)
    s["d"] = np.clip(s["d"] * np.where(sign > 0, up, np.where(sign < 0, down, 1.0)), least, most)
    s["g"] = np.where(sign < 0, 0, g)  # Igel and Huesken: iRprop-
    return w - np.sign(s["g"]) * s["d"]


def lamb(w, g, t, lr, s, b1=0.9, b2=0.999, eps=1e-6, corrected=True, decay=0.0):
    m, v = moments(w, g, s, b1, b2)
    c1, c2 = (1 - b1**t, 1 - b2**t) if corrected else (1, 1)
    r = (m / c1) / (np.sqrt(v / c2) + eps) + decay * w
    a, b = np.linalg.norm(w.ravel()), np.linalg.norm(r.ravel())
    return w - lr * (a / b if a > 0 and b > 0 else 1.0) * r


# name, rule, options as this file calls them; the C++ test knows the names.
BASE = {
    "sgd": (sgd, dict(lr=0.1)), "momentum": (momentum, dict(lr=0.05)), "nag": (nag, dict(lr=0.05)),
    "adagrad": (adagrad, dict(lr=0.3)), "rmsprop": (rmsprop, dict(lr=0.02)), "adadelta": (adadelta, dict(lr=1.0)),
    "adam": (adam, dict(lr=0.05, eps=1e-7, book=True)), "adam_paper": (adam, dict(lr=0.05)),
    "adamw": (adam, dict(lr=0.05, decay=0.01, form="decoupled")), "amsgrad": (amsgrad, dict(lr=0.05)),
    "nadam": (nadam, dict(lr=0.05)), "radam": (radam, dict(lr=0.05)), "adamax": (adamax, dict(lr=0.05)),
    "lion": (lion, dict(lr=0.01)), "asgd": (asgd, dict(lr=0.1)), "rprop": (rprop, dict(lr=0.01)),
    "lamb": (lamb, dict(lr=0.02)),
}
OWN = {
    "momentum": {"dampening": dict(dampening=0.3), "without_rate": dict(with_rate=False),
                 "without_rate_dampening": dict(with_rate=False, dampening=0.3)},
    "nag": {"without_rate": dict(kind="without_rate"), "printed": dict(kind="printed")},
    "adagrad": {"initial": dict(initial=0.5), "rate_decay": dict(rate_decay=0.01)},
    "rmsprop": {"inside": dict(inside=True), "momentum": dict(mu=0.9), "centered": dict(centered=True, eps=1e-2),
                "centered_momentum": dict(centered=True, mu=0.5, eps=1e-2)},
    "adadelta": {"rho": dict(rho=0.8)},
    "adam": {"betas": dict(b1=0.0, b2=0.9), "epsilon": dict(eps=1e-3)},
    "adam_paper": {"epsilon": dict(eps=1e-3)},
    "amsgrad": {"uncorrected": dict(corrected=False)},
    "nadam": {"decay0": dict(psi=0.0)},
    "asgd": {"averaging": dict(lambd=0.01, alpha=0.5, t0=20)},
    "rprop": {"factors": dict(down=0.3, up=1.1, least=1e-3, most=0.05)},
    "lamb": {"uncorrected": dict(corrected=False)},
}
COMMON = {"coupled": dict(decay=0.05, form="coupled"), "decoupled": dict(decay=0.05, form="decoupled"),
          "maximize": dict(maximize=True), "clip_value": dict(clip_value=0.3), "clip_norm": dict(clip_norm=0.5)}


def cases():
    for name, (rule, base) in BASE.items():
        yield name, rule, base
        for option, changed in {**OWN.get(name, {}), **COMMON}.items():
            yield f"{name}/{option}", rule, {**base, **changed}


def path(rule, options):
    found = []

    def record(step, values):
        if step in (1, 7):
            found.append(sum(v.sum() for v in values))
        if step == STEPS:
            for v in values:
                found.extend([v.sum(), (v.ravel() * np.arange(1, v.size + 1)).sum()])

    Optimizer(rule, **options).run(record)
    return found


def check_torch():
    import torch

    torch_cases = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1), "sgd/coupled": lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.05),
        "sgd/maximize": lambda p: torch.optim.SGD(p, lr=0.1, maximize=True),
        "momentum/without_rate": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
        "momentum/without_rate_dampening": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.3),
        "nag/without_rate": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
        "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.3, eps=1e-7),
        "adagrad/initial": lambda p: torch.optim.Adagrad(p, lr=0.3, eps=1e-7, initial_accumulator_value=0.5),
        "adagrad/rate_decay": lambda p: torch.optim.Adagrad(p, lr=0.3, eps=1e-7, lr_decay=0.01),
        "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.99, eps=1e-7),
        "rmsprop/momentum": lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.99, eps=1e-7, momentum=0.9),
        "rmsprop/centered_momentum": lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.99, eps=1e-2, momentum=0.5, centered=True),
        "adadelta": lambda p: torch.optim.Adadelta(p, lr=1.0, rho=0.95, eps=1e-6),
        "adam_paper": lambda p: torch.optim.Adam(p, lr=0.05), "adam_paper/coupled": lambda p: torch.optim.Adam(p, lr=0.05, weight_decay=0.05),
        "adam_paper/maximize": lambda p: torch.optim.Adam(p, lr=0.05, maximize=True),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.01),
        "amsgrad": lambda p: torch.optim.Adam(p, lr=0.05, amsgrad=True), "nadam": lambda p: torch.optim.NAdam(p, lr=0.05),
        "nadam/decoupled": lambda p: torch.optim.NAdam(p, lr=0.05, weight_decay=0.05, decoupled_weight_decay=True),
        "radam": lambda p: torch.optim.RAdam(p, lr=0.05), "adamax": lambda p: torch.optim.Adamax(p, lr=0.05),
        "asgd": lambda p: torch.optim.ASGD(p, lr=0.1), "rprop": lambda p: torch.optim.Rprop(p, lr=0.01),
        "rprop/factors": lambda p: torch.optim.Rprop(p, lr=0.01, etas=(0.3, 1.1), step_sizes=(1e-3, 0.05)),
    }
    # PyTorch keeps NAdam's product of momenta and ASGD's rate in f32, and the latter lags behind a schedule: constant here.
    constant = {"asgd"}
    found = {name: path(rule, dict(options, constant=name in constant)) for name, rule, options in cases()}
    for name, make in torch_cases.items():
        parts = [start(shape) for shape in SHAPES]
        params = [torch.nn.Parameter(torch.tensor(p[3])) for p in parts]
        optimizer = make(params)
        lr0, out = optimizer.param_groups[0]["lr"], []
        for step in range(STEPS):
            optimizer.param_groups[0]["lr"] = lr0 if name in constant else rate_at(lr0, step)
            for p, w in zip(parts, params):
                w.grad = torch.tensor(gradient(*p[:3], w.detach().numpy(), step))
            optimizer.step()
            if step + 1 in (1, 7):
                out.append(sum(w.detach().sum().item() for w in params))
        for w in params:
            v = w.detach().numpy()
            out.extend([v.sum(), (v.ravel() * np.arange(1, v.size + 1)).sum()])
        far = max(abs(a - b) / max(1, abs(b)) for a, b in zip(out, found[name]))
        limit = 1e-7 if name.startswith(("nadam", "asgd")) else 1e-10
        print(f"{name:34} {'agrees' if far < limit else 'DIFFERS'} {far:.1e}")


if "--torch" in sys.argv:
    check_torch()
else:
    print("// Made by tests/optim/references/optimizers.py: the sum of all values after steps 1 and 7, then after 120 the sum and")
    print("// the weighted sum of each shape's values.")
    for name, rule, options in cases():
        print(f'{{"{name}", {{{", ".join(repr(float(x)) for x in path(rule, options))}}}}},')
