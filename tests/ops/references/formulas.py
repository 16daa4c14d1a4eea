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
    axes = range(x.ndim) if axes is None else sorted(a % x.ndim for a in np.atleast_1d(axes))
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


def identity(x):
    """An identity matrix for each of x, (…, n, n)."""
    return np.broadcast_to(of_each(mp.mpf, np.eye(x.shape[-1], dtype=int)), x.shape)


def finite(x):
    return of_each(lambda element: element if mp.isfinite(element) else mp.mpf(0), x)


def dominant(x):
    return finite(x) + (8 + x.shape[-1]) * identity(x)


def solve_one(a, b):
    """The X with a·X = b, and the determinant of a: Gaussian elimination."""
    a, b, determinant = a.copy(), b.copy(), mp.mpf(1)
    for k in range(len(a)):
        best = max(range(k, len(a)), key=lambda i: abs(a[i, k]))
        if best != k:
            a[[k, best]], b[[k, best]], determinant = a[[best, k]], b[[best, k]], -determinant
        determinant *= a[k, k]
        for i in range(k + 1, len(a)):
            factor = a[i, k] / a[k, k]
            a[i], b[i] = a[i] - factor * a[k], b[i] - factor * b[k]
    for k in reversed(range(len(a))):
        for i in range(k + 1, len(a)):
            b[k] = b[k] - a[k, i] * b[i]
        b[k] = b[k] / a[k, k]
    return b, determinant


def solve(a, b):
    """Systems of equations; leading axes broadcast."""
    if b.ndim == 1:
        return solve(a, b[:, None])[..., 0]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = np.broadcast_to(a, batch + a.shape[-2:]), np.broadcast_to(b, batch + b.shape[-2:]).copy()
    for index in np.ndindex(*batch):
        b[index] = solve_one(a[index], b[index])[0]
    return b


def log_determinant(a):
    result = np.empty(a.shape[:-2], dtype=object)
    for index in np.ndindex(*result.shape):
        result[index] = mp.log(abs(solve_one(a[index], a[index])[1]))
    return result


def cholesky(a):
    a = (a + np.swapaxes(a, -1, -2)) / 2
    result = a * 0
    for index in np.ndindex(*a.shape[:-2]):
        one, factor = a[index], result[index]
        for i in range(len(one)):
            for j in range(i + 1):
                rest = one[i, j] - total([factor[i, k] * factor[j, k] for k in range(j)])
                factor[i, j] = mp.sqrt(rest) if i == j else rest / factor[j, j]
    return result


def cross_entropy(logits, targets, axis=-1, smoothing=0, weights=None, ignored=None, reduction="mean"):
    """-sum of weight * target * ln softmax along an axis, of labels or probabilities; a factor of 0 removes its term."""
    rows = np.moveaxis(along(lambda row: [element - log_sum_exp(row) for element in row], logits, axis), axis, -1)
    by_label = targets.ndim < logits.ndim
    targets = targets if by_label else np.moveaxis(targets, axis, -1)
    losses, counts = np.empty(rows.shape[:-1], dtype=object), np.empty(rows.shape[:-1], dtype=object)
    weights = [mp.mpf(1)] * rows.shape[-1] if weights is None else weights
    for index in np.ndindex(*losses.shape):
        losses[index], counts[index] = mp.mpf(0), mp.mpf(0)
        if by_label and targets[index] == ignored:
            continue
        own = [mp.mpf(c == targets[index]) for c in range(rows.shape[-1])] if by_label else targets[index]
        factors = [w * ((1 - mp.mpf(smoothing)) * t + mp.mpf(smoothing) / len(own)) for w, t in zip(weights, own)]
        losses[index] = -total([f * l for f, l in zip(factors, rows[index]) if f != 0])
        counts[index] = weights[targets[index]] if by_label else mp.mpf(1)
    if reduction == "none":
        return losses
    sums = reduce_over(total, losses)
    count = total(list(counts.reshape(-1)))
    return sums if reduction == "sum" else sums / count if count else np.asarray(mp.nan, dtype=object)


def huber(r, delta=1):
    return r * r / 2 if abs(r) <= delta else delta * (abs(r) - mp.mpf(delta) / 2)


def binary_cross_entropy(x, t, positive=1):
    terms = [positive * t * mp.log1p(mp.exp(-x)) if t != 0 else mp.mpf(0)]
    return total(terms + [(1 - t) * mp.log1p(mp.exp(x)) if t != 1 else mp.mpf(0)])


def divergence(q, p):
    return p * (mp.log(p) - q) if p != 0 else mp.mpf(0)


def cosine_similarity(a, b, axis=-1, epsilon=1e-8):
    def direction(v):
        length = of_each(mp.sqrt, reduce_over(total, v * v, axis, keep=True))
        return v / of_each(lambda n: larger(n, mp.mpf(epsilon)), length)

    return reduce_over(total, direction(a) * direction(b), axis)


def batch_norm(x, gamma, beta, epsilon, axes=0):
    """gamma·(x − mean)/√(variance + ε) + beta, mean and biased variance over the axes."""
    centered = x - reduce_over(mean, x, axes, keep=True)
    variance = reduce_over(mean, centered * centered, axes, keep=True)
    return centered / of_each(mp.sqrt, variance + epsilon) * gamma + beta


def rms_norm(x, gamma, epsilon, axes=-1):
    return x / of_each(mp.sqrt, reduce_over(mean, x * x, axes, keep=True) + epsilon) * gamma


def group_norm(x, groups, gamma, beta, epsilon):
    """x (n, channels, ...); gamma and beta (channels,)."""
    behind = (1,) * (x.ndim - 2)
    grouped = x.reshape((x.shape[0], groups, int(np.prod(x.shape[1:], dtype=int)) // groups))
    normalized = batch_norm(grouped, mp.mpf(1), mp.mpf(0), epsilon, axes=2).reshape(x.shape)
    return normalized * gamma.reshape((-1,) + behind) + beta.reshape((-1,) + behind)


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


def permutation(count, seed):
    """Fisher and Yates: element i changes places with one of the i + 1 up to and with itself."""
    order = list(range(count))
    for i, u in enumerate(uniform_f64((count,), seed)):
        chosen = int(mp.floor(u * (i + 1)))
        order[i], order[chosen] = order[chosen], order[i]
    return np.array(order, dtype=object)


def box_muller(u1, u2):
    return mp.sqrt(-2 * mp.log(u1)) * mp.cos(2 * mp.pi * u2)


def normal_f32(shape, seed, **where):
    return draw(lambda a, b: box_muller(mp.mpf((a >> 8) + 1) / 2**24, mp.mpf(b >> 8) / 2**24), 2, shape, seed, **where)


def normal_f64(shape, seed, **where):
    def element(a, b, c, d):
        return box_muller(mp.mpf(((a << 32 | b) >> 11) + 1) / 2**53, mp.mpf((c << 32 | d) >> 11) / 2**53)

    return draw(element, 4, shape, seed, **where)


def product(elements):
    result = 1 if elements and isinstance(elements[0], (int, bool)) else mp.mpf(1)
    for element in elements:
        result = result * element
    return result


def any_of(elements):
    return any(is_nan(element) or element != 0 for element in elements)


def all_of(elements):
    return all(is_nan(element) or element != 0 for element in elements)


def place_of(elements, choose):
    """The first place of what choose(elements) chooses: of the first NaN, if there is one."""
    wanted = choose(elements)
    return next(i for i, e in enumerate(elements) if (is_nan(e) if is_nan(wanted) else e == wanted))


def variance(elements, ddof=0):
    center = mean(elements)
    left = len(elements) - ddof
    return total([(element - center) ** 2 for element in elements]) / left if left > 0 else mp.nan


def deviation(elements, ddof=0):
    return mp.sqrt(variance(elements, ddof))


def norm(elements, p=2):
    if p == mp.inf:
        return largest([abs(element) for element in elements])
    return mp.power(total([mp.power(abs(element), p) for element in elements]), mp.mpf(1) / p)


def running(function, elements, identity, reverse=False, exclusive=False):
    """function(a, b) of each element and all before it; of those before it alone, where exclusive."""
    whole = bool(elements) and isinstance(elements[0], (int, bool))
    result, carry = [], identity if whole else mp.mpf(identity)
    for element in reversed(elements) if reverse else elements:
        after = function(carry, element)
        result.append(carry if exclusive else after)
        carry = after
    return result[::-1] if reverse else result


def order(elements, descending=False):
    """The places in order, of equal elements the first one first; NaN counts as the largest."""

    def rank(i):
        if is_nan(elements[i]):
            return (not descending, 0)
        return (descending, -elements[i] if descending else elements[i])

    return sorted(range(len(elements)), key=rank)


def first_along(function, x, axis, count):
    """The first `count` of function(list) along an axis."""
    return np.take(along(function, x, axis), np.arange(count), axis=axis)


def _last(old, new):
    return new


def _sum(old, new):
    return old + new


def scatter(x, places, updates, axis=0, combine=_last):
    """x with updates, in the shape of x taken at the places, written there in their order."""
    result = np.moveaxis(x, axis, 0).copy()
    moved = np.moveaxis(updates, range(axis, axis + places.ndim), range(places.ndim))
    for index in np.ndindex(*places.shape):
        for rest in np.ndindex(*result.shape[1:]):
            at = (places[index], *rest)
            result[at] = combine(result[at], moved[index + rest])
    return np.moveaxis(result, 0, axis)


def scatter_along_axis(x, places, updates, axis, combine=_last):
    result = x.copy()
    for index in np.ndindex(*places.shape):
        at = index[:axis] + (places[index],) + index[axis + 1 :]
        result[at] = combine(result[at], updates[index])
    return result


def scatter_add(x, places, updates, axis=0):
    return scatter(x, places, updates, axis, _sum)


def scatter_max(x, places, updates, axis=0):
    return scatter(x, places, updates, axis, max)


def scatter_min(x, places, updates, axis=0):
    return scatter(x, places, updates, axis, min)


def scatter_add_along_axis(x, places, updates, axis):
    return scatter_along_axis(x, places, updates, axis, _sum)


def scatter_max_along_axis(x, places, updates, axis):
    return scatter_along_axis(x, places, updates, axis, max)


def scatter_min_along_axis(x, places, updates, axis):
    return scatter_along_axis(x, places, updates, axis, min)


def roll(x, shift, axis=None):
    return np.roll(x, shift, axis)


def pad(x, width, value=0):
    value = value if x.size and isinstance(x.reshape(-1)[0], (int, bool)) else mp.mpf(value)
    result = np.full([n + b + a for n, (b, a) in zip(x.shape, width)], value, dtype=object)
    result[tuple(slice(b, b + n) for n, (b, _) in zip(x.shape, width))] = x
    return result


def conv2d(x, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    n, _, height, width = x.shape
    filters, channels, kernel_height, kernel_width = weight.shape
    rows, columns = (
        (size + 2 * padding[a] - dilation[a] * (weight.shape[2 + a] - 1) - 1) // stride[a] + 1
        for a, size in enumerate((height, width))
    )
    y = np.empty((n, filters, rows, columns), dtype=object)
    for image, f, i, j in np.ndindex(*y.shape):
        y[image, f, i, j] = mp.mpf(0) if bias is None else bias[f]
        for c, u, v in np.ndindex(channels, kernel_height, kernel_width):
            a, b = i * stride[0] + u * dilation[0] - padding[0], j * stride[1] + v * dilation[1] - padding[1]
            inside = 0 <= a < height and 0 <= b < width
            element = x[image, f // (filters // groups) * channels + c, a, b] if inside else mp.mpf(0)
            y[image, f, i, j] += element * weight[f, c, u, v]
    return y


def conv_transpose2d(
    x, weight, bias=None, stride=(1, 1), padding=(0, 0), output_padding=(0, 0), dilation=(1, 1), groups=1
):
    n, channels, *size = x.shape
    _, filters, *kernel = weight.shape
    height, width = (
        (size[a] - 1) * stride[a] - 2 * padding[a] + dilation[a] * (kernel[a] - 1) + output_padding[a] + 1 for a in (0, 1)
    )
    y = np.full((n, groups * filters, height, width), mp.mpf(0), dtype=object)
    for image, c, i, j, f, u, v in np.ndindex(n, channels, *size, filters, *kernel):
        a, b = i * stride[0] + u * dilation[0] - padding[0], j * stride[1] + v * dilation[1] - padding[1]
        if 0 <= a < height and 0 <= b < width:
            y[image, c // (channels // groups) * filters + f, a, b] += x[image, c, i, j] * weight[c, f, u, v]
    return y if bias is None else y + bias[:, None, None]


def pool2d(function, x, kernel, stride, padding, dilation):
    """function(the window's elements that lie in the image)"""
    n, channels, *size = x.shape
    rows, columns = ((size[a] + 2 * padding[a] - dilation[a] * (kernel[a] - 1) - 1) // stride[a] + 1 for a in (0, 1))
    y = np.empty((n, channels, rows, columns), dtype=object)
    for image, c, i, j in np.ndindex(*y.shape):
        places = [
            (i * stride[0] + u * dilation[0] - padding[0], j * stride[1] + v * dilation[1] - padding[1])
            for u, v in np.ndindex(*kernel)
        ]
        y[image, c, i, j] = function([x[image, c, a, b] for a, b in places if 0 <= a < size[0] and 0 <= b < size[1]])
    return y


def max_pool2d(x, kernel, stride, padding=(0, 0), dilation=(1, 1)):
    return pool2d(lambda elements: largest(elements) if elements else mp.mpf("-inf"), x, kernel, stride, padding, dilation)


def average_pool2d(x, kernel, stride, padding=(0, 0), count_include_padding=True):
    size = kernel[0] * kernel[1]
    return pool2d(
        lambda elements: total(elements) / (size if count_include_padding else len(elements)), x, kernel, stride, padding, (1, 1)
    )


def resize2d(x, size, bilinear=False, align_corners=False):
    """Each axis in turn: the element at ⌊i·from/to⌋, or between the two nearest."""
    for axis, to in zip((2, 3), size):
        origin = x.shape[axis]
        parts = []
        for i in range(to):
            if not bilinear:
                parts.append(x.take(i * origin // to, axis))
                continue
            if align_corners:
                source = mp.mpf(i) * (origin - 1) / max(to - 1, 1)
            else:
                source = max((i + mp.mpf(1) / 2) * origin / to - mp.mpf(1) / 2, mp.mpf(0))
            before = min(int(mp.floor(source)), origin - 1)
            after = min(before + 1, origin - 1)
            share = source - before
            parts.append(x.take(before, axis) * (1 - share) + x.take(after, axis) * share)
        x = np.stack(parts, axis)
    return x
