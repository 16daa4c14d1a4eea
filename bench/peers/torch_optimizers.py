"""The step of a fused PyTorch optimizer alone."""
import torch
from common import fn_run


def run(s, seconds):
    g = torch.Generator().manual_seed(1)
    shapes = [shape for i, o in zip(s["sizes"], s["sizes"][1:]) for shape in ((i, o), (o,))]
    params = [torch.nn.Parameter(torch.randn(shape, generator=g) * .05) for shape in shapes]
    for p in params:
        p.grad = torch.randn(p.shape, generator=g)
    make = {"sgd": lambda: torch.optim.SGD(params, lr=.01, fused=True),
            "momentum": lambda: torch.optim.SGD(params, lr=.01, momentum=.9, fused=True),
            "adam": lambda: torch.optim.Adam(params, lr=.001, fused=True),
            "adamw": lambda: torch.optim.AdamW(params, lr=.001, fused=True)}
    optimizer = make[s["opt"]]()

    def call():
        optimizer.step()
        return ()
    return fn_run(call, dict(s, n=sum(p.numel() for p in params)), seconds)
