"""Section 6.2.4 as the book's program has it, in NumPy and f64: Xavier's mean loss over iterations 400 to 499.

    python3 examples/ch06/weights_mnist.py [FIRST_SEED LAST_SEED]

The random numbers are drawn in the book's order (the three nets' weights, then the batches), so seeds 0 to 2 give the
reference's band, 0.995 to 1.060. Seeds 0 to 9: 1.0310 1.0601 0.9951 0.9725 1.6042 1.3270 1.1982 1.1079 1.0846 0.8979,
on average 1.1279.
"""
import pathlib
import sys

import numpy as np

from book_net import descend, outputs, read, softmax

folder = pathlib.Path(__file__).parents[2] / "data" / "mnist"
sizes = [784, 100, 100, 100, 100, 10]


def net_of(scale):
    return [[scale(a) * np.random.randn(a, b), np.zeros(b)] for a, b in zip(sizes[:-1], sizes[1:])]


def loss_after_updates(seed, iterations=500, batch=128):
    np.random.seed(seed)
    _, net, _ = net_of(lambda n: 0.01), net_of(lambda n: np.sqrt(1 / n)), net_of(lambda n: np.sqrt(2 / n))
    losses = []
    for _ in range(iterations):
        chosen = np.random.choice(len(labels), batch)
        x, t = images[chosen] / 255, labels[chosen]
        descend(net, x, t, rate=0.01)
        losses.append(-np.mean(np.log(softmax(outputs(net, x)[-1])[np.arange(batch), t] + 1e-7)))
    return np.mean(losses[400:])


images = read(folder, "train-images-idx3-ubyte", 16).reshape(-1, 784)
labels = read(folder, "train-labels-idx1-ubyte", 8)
first, last = map(int, sys.argv[1:3]) if len(sys.argv) > 2 else (0, 9)
results = [loss_after_updates(seed) for seed in range(first, last + 1)]
for seed, result in zip(range(first, last + 1), results):
    print(f"{seed}: {result:.4f}")
print(f"mean {np.mean(results):.4f}")
