"""Section 6.4.2 without weight decay as the book's program has it, in NumPy and f64: accuracies after 201 epochs.

    python3 examples/ch06/weight_decay.py FOLDER [FIRST_SEED LAST_SEED]

FOLDER holds MNIST or Fashion-MNIST. The random numbers are drawn in the book's order (weights, then batches). On MNIST
seeds 0 to 2 give the reference's band: 1.0 in training, 0.7564 0.7589 0.7512 on the test set. On Fashion-MNIST seeds 0 to 9
are right for 1.0000 0.9933 1.0000 0.9267 1.0000 0.9933 1.0000 0.9967 1.0000 1.0000 of the training samples.
"""
import pathlib
import sys

import numpy as np

from book_net import descend, outputs, read

folder = pathlib.Path(sys.argv[1])
first, last = map(int, sys.argv[2:4]) if len(sys.argv) > 3 else (0, 9)
sizes = [784] + 6 * [100] + [10]


def accuracy(net, x, labels):
    return (outputs(net, x)[-1].argmax(axis=1) == labels).mean()


def train(seed, images, labels, batch=100):
    np.random.seed(seed)
    net = [[np.sqrt(2 / a) * np.random.randn(a, b), np.zeros(b)] for a, b in zip(sizes[:-1], sizes[1:])]
    for _ in range(3 * 200 + 1):
        chosen = np.random.choice(len(labels), batch)
        descend(net, images[chosen], labels[chosen], rate=0.01)
    return net


images = read(folder, "train-images-idx3-ubyte", 16).reshape(-1, 784)[:300] / 255
labels = read(folder, "train-labels-idx1-ubyte", 8)[:300]
test_images = read(folder, "t10k-images-idx3-ubyte", 16).reshape(-1, 784) / 255
test_labels = read(folder, "t10k-labels-idx1-ubyte", 8)
for seed in range(first, last + 1):
    net = train(seed, images, labels)
    print(f"{seed}: train {accuracy(net, images, labels):.4f}, test {accuracy(net, test_images, test_labels):.4f}")
