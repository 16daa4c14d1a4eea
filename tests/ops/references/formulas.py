"""Formulas of references that are longer than an expression: on NumPy arrays of exact numbers (mpf, int, bool)."""

import mpmath as mp
import numpy as np


def is_nan(x):
    return isinstance(x, mp.mpf) and mp.isnan(x)


def of_each(function, *arrays):
    """function(element, ...) over broadcast arrays."""
    return np.frompyfunc(function, len(arrays), 1)(*arrays)


def larger(a, b):
    return a if is_nan(a) or (not is_nan(b) and a > b) else b


def smaller(a, b):
    return a if is_nan(a) or (not is_nan(b) and a < b) else b


def sign(x):
    return x if is_nan(x) else type(x)((x > 0) - (x < 0))


def reduce_over(function, x, axes=None, keep=False):
    """function(list of elements) over the axes (all, if none are named)."""
    x = np.asarray(x, dtype=object)  # arithmetic turns arrays without axes into numbers
    axes = tuple(range(x.ndim)) if axes is None else tuple(a % x.ndim for a in np.atleast_1d(axes))
    kept = [a for a in range(x.ndim) if a not in axes]
    shape = [x.shape[a] for a in kept]
    rows = np.transpose(x, kept + list(axes)).reshape(shape + [int(np.prod([x.shape[a] for a in axes], dtype=int))])
    result = np.empty(shape, dtype=object)
    for index in np.ndindex(*shape):
        result[index] = function(list(rows[index]))
    return result.reshape([1 if a in axes else n for a, n in enumerate(x.shape)]) if keep else result


def total(elements):
    """The exact sum; with infinities of both signs, NaN. Of truths: how many hold."""
    return sum(elements, 0 if elements and isinstance(elements[0], (int, bool)) else mp.mpf(0))


def mean(elements):
    return total(elements) / len(elements) if elements else mp.nan


def largest(elements):
    result = elements[0]
    for element in elements[1:]:
        result = larger(result, element)
    return result


def smallest(elements):
    result = elements[0]
    for element in elements[1:]:
        result = smaller(result, element)
    return result


def log_sum_exp(elements):
    if any(is_nan(element) for element in elements):
        return mp.nan
    if any(element == mp.inf for element in elements):
        return mp.inf
    s = mp.fsum(mp.exp(element) for element in elements)
    return mp.log(s) if s > 0 else mp.mpf("-inf")


def along(function, x, axis):
    """function(list) -> list of the same length, along an axis."""
    moved = np.moveaxis(x, axis, -1)
    result = np.empty(moved.shape, dtype=object)
    for index in np.ndindex(*moved.shape[:-1]):
        result[index] = function(list(moved[index]))
    return np.moveaxis(result, -1, axis)


def softmax(elements):
    if any(is_nan(element) or element == mp.inf for element in elements):
        return [mp.nan] * len(elements)
    powers = [mp.exp(element) for element in elements]
    return [power / mp.fsum(powers) for power in powers]


def log_softmax(elements):
    s = log_sum_exp(elements)
    return [element - s if s != mp.inf else mp.nan for element in elements]


def matmul(x, y):
    """Products of matrices, (…, m, k) by (…, k, n)."""
    x, y = np.broadcast_arrays(x[..., :, None, :], np.swapaxes(y, -1, -2)[..., None, :, :])
    return reduce_over(total, x * y, -1)


def cross_entropy(logits, targets):
    """The mean over rows of −Σ target·ln softmax; a target of 0 removes its term."""
    rows = along(log_softmax, logits, 1)
    if targets.ndim == 1:
        terms = [-rows[i, label] for i, label in enumerate(targets)]
    else:
        terms = [-total([t * l for t, l in zip(*pair) if t != 0] or [mp.mpf(0)]) for pair in zip(targets, rows)]
    return np.asarray(mean(terms), dtype=object)


def batch_norm(x, gamma, beta, epsilon, axes=0):
    """gamma·(x − mean)/√(variance + ε) + beta, mean and biased variance over the axes."""
    centered = x - reduce_over(mean, x, axes, keep=True)
    variance = reduce_over(mean, centered * centered, axes, keep=True)
    return centered / of_each(mp.sqrt, variance + epsilon) * gamma + beta


# Philox 4x32-10: Salmon, Moraes, Dror, Shaw, Parallel random numbers: as easy as 1, 2, 3 (2011). How a draw's elements
# are dealt out to counters and words is the table of docs in src/run/philox.hpp.


def philox(seed, counter):
    key = [seed % 2**32, seed >> 32]
    for _ in range(10):
        product0, product1 = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [
            (product1 >> 32) ^ counter[1] ^ key[0],
            product1 % 2**32,
            (product0 >> 32) ^ counter[3] ^ key[1],
            product0 % 2**32,
        ]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    return counter


def draw(element, count, shape, seed, stream=0, number=0):
    """An array of element(words) for each place, `count` words a place."""
    result = np.empty(shape, dtype=object)
    per_block = 4 // count
    for place, index in enumerate(np.ndindex(*shape)):
        block = 16 * (place // (16 * per_block)) + place % 16 if per_block > 1 else place
        first = count * (place // 16 % per_block) if per_block > 1 else 0
        words = philox(seed, [block, 0, number, stream])[first : first + count]
        result[index] = element(*words)
    return result


def uniform_f32(shape, seed, **where):
    return draw(lambda word: mp.mpf(word >> 8) / 2**24, 1, shape, seed, **where)


def uniform_f64(shape, seed, **where):
    return draw(lambda high, low: mp.mpf((high << 32 | low) >> 11) / 2**53, 2, shape, seed, **where)


def box_muller(u1, u2):
    return mp.sqrt(-2 * mp.log(u1)) * mp.cos(2 * mp.pi * u2)


def normal_f32(shape, seed, **where):
    return draw(lambda a, b: box_muller(mp.mpf((a >> 8) + 1) / 2**24, mp.mpf(b >> 8) / 2**24), 2, shape, seed, **where)


def normal_f64(shape, seed, **where):
    def element(a, b, c, d):
        return box_muller(mp.mpf(((a << 32 | b) >> 11) + 1) / 2**53, mp.mpf((c << 32 | d) >> 11) / 2**53)

    return draw(element, 4, shape, seed, **where)
