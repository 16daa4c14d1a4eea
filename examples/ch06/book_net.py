"""A net of affine layers and ReLUs as the book's programs have it, in NumPy and f64: what the references here share."""
import gzip

import numpy as np


def read(folder, name, offset):
    return np.frombuffer(gzip.open(folder / (name + ".gz")).read(), np.uint8, offset=offset)


def outputs(net, x):
    """x, and what each layer makes of it."""
    layers = [x]
    for i, (weight, bias) in enumerate(net):
        x = x @ weight + bias
        if i + 1 < len(net):
            x = np.maximum(x, 0)
        layers.append(x)
    return layers


def softmax(a):
    powers = np.exp(a - a.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def descend(net, x, labels, rate):
    """One step of gradient descent on the softmax cross entropy."""
    layers = outputs(net, x)
    gradient = softmax(layers[-1])
    gradient[np.arange(len(labels)), labels] -= 1
    gradient /= len(labels)
    for i in reversed(range(len(net))):
        weight, bias = net[i]
        net[i] = [weight - rate * layers[i].T @ gradient, bias - rate * gradient.sum(axis=0)]
        gradient = (gradient @ weight.T) * (layers[i] > 0)
