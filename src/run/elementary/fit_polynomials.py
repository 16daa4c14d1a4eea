"""Polynomials of the elementary functions: Chebyshev interpolation in 50 digits, expanded into powers, the coefficients
rounded to f64 (or f32); where every bit counts, Remez' algorithm. Prints them, lowest power first, and log2 of the largest relative error of the function so approximated.

    python3 fit_polynomials.py [NAME...]        needs mpmath
"""

import sys

from mpmath import asin, atan, cos, digamma, erfc, exp, findroot, log, lu_solve, matrix, mp, mpf, pi, polyval, sin, sqrt, tan, workprec

mp.dps = 50


def interpolate(function, low, high, degree, digits=53):
    """Coefficients by power of the polynomial that equals `function` at the Chebyshev points of [low, high]."""
    count = degree + 1
    middle, half = (low + high) / 2, (high - low) / 2
    values = [function(middle + half * cos(pi * (2 * k + 1) / (2 * count))) for k in range(count)]
    weights = [
        2 / mpf(count) * sum(v * cos(j * pi * (2 * k + 1) / (2 * count)) for k, v in enumerate(values))
        for j in range(count)
    ]
    weights[0] /= 2
    result = [mpf(0)] * count
    previous, current = [mpf(1)], [-middle / half, 1 / half]  # T0 and T1 as powers of x
    for j, weight in enumerate(weights):
        if j == 0:
            term = previous
        elif j == 1:
            term = current
        else:
            term = [mpf(0)] * (j + 1)
            for i, c in enumerate(current):
                term[i] -= 2 * middle / half * c
                term[i + 1] += 2 / half * c
            for i, c in enumerate(previous):
                term[i] -= c
            previous, current = current, term
        for i, c in enumerate(term):
            result[i] += weight * c
    with workprec(digits):
        return [+c for c in result]


def minimax(function, weight, low, high, degree, digits):
    """Coefficients by power of the polynomial with the smallest largest error, times `weight`, on [low, high] (Remez). The
    lowest is rounded first, and the others are fitted anew to what is left."""
    fixed = []
    while len(fixed) <= degree:
        first, count = len(fixed), degree + 1 - len(fixed)
        rest = lambda x: function(x) - polyval(fixed[::-1] or [0], x)
        nodes = [(low + high) / 2 - (high - low) / 2 * cos(pi * k / count) for k in range(count + 1)]
        for _ in range(12):
            rows = [[x ** (first + j) for j in range(count)] + [(-1) ** i / weight(x)] for i, x in enumerate(nodes)]
            solved = lu_solve(matrix(rows), matrix([rest(x) for x in nodes]))
            error = lambda x: weight(x) * (rest(x) - sum(solved[j] * x ** (first + j) for j in range(count)))
            found = extremes(error, [low + (high - low) * (1 - cos(pi * k / 400)) / 2 for k in range(401)])
            while len(found) > count + 1:
                found.pop(0 if abs(error(found[0])) < abs(error(found[-1])) else -1)
            if len(found) < count + 1:
                break
            nodes = found
        with workprec(digits):
            fixed.append(+solved[0])
    return fixed


def reweighted(function, low, high, degree):
    """Like `minimax`, of the relative error and in f32, by weighted least squares (Lawson): where Remez' nodes get lost, as
    the lower coefficients have been rounded. Needs NumPy."""
    import numpy

    count = 3000
    points = [(low + high) / 2 - (high - low) / 2 * cos(pi * (2 * k + 1) / (2 * count)) for k in range(count)]
    x, y = numpy.array(points, "f8"), numpy.array([function(point) for point in points], "f8")
    fixed = []
    for first in range(degree + 1):
        rest = y - sum((c * x**i for i, c in enumerate(fixed)), numpy.zeros(count))
        powers, weights = numpy.vander(x, degree + 1, increasing=True)[:, first:], numpy.ones(count)
        for _ in range(60):
            scale = numpy.sqrt(weights) / y
            solved = numpy.linalg.lstsq(powers * scale[:, None], rest * scale, rcond=None)[0]
            weights *= numpy.abs(powers @ solved - rest) / y
            weights /= weights.mean()
        fixed.append(float(numpy.float32(solved[0])))
    return [mpf(c) for c in fixed]


def extremes(function, grid):
    """Where it is largest or smallest between changes of its sign."""
    values = [function(x) for x in grid]
    starts = [0] + [i for i in range(1, len(grid)) if (values[i] >= 0) != (values[i - 1] >= 0)] + [len(grid)]
    return [grid[max(range(a, b), key=lambda i: abs(values[i]))] for a, b in zip(starts, starts[1:])]


def report(name, coefficients, approximation, exact, low, high):
    error = mpf(0)
    for k in range(1, 1000):
        x = low + (high - low) * k / 1000
        error = max(error, abs(approximation(x, polyval(coefficients[::-1], x)) / exact(x) - 1))
    print(f"{name}: 2^{float(log(error, 2)):.1f}")
    print("  " + ", ".join(float(c).hex() for c in coefficients))


def odd(name, function, limit, degree):
    """function(x) = x + x·z·p(z) with z = x², for |x| ≤ limit; in terms of z."""
    p = interpolate(lambda z: (function(sqrt(z)) / sqrt(z) - 1) / z, mpf("1e-30"), limit**2, degree)
    report(name, p, lambda z, v: 1 + z * v, lambda z: function(sqrt(z)) / sqrt(z), mpf("1e-30"), limit**2)


def fit_wave_f32():
    """sin(x) = x + x·z·p(z) and cos(x) = 1 + z·(-1/2 + z·q(z)), z = x², for |x| a little beyond π/4; in terms of z."""
    low, high = mpf("1e-12"), (pi / 4 * (1 + mpf(2) ** -20)) ** 2
    sine, cosine = lambda z: sin(sqrt(z)) / sqrt(z), lambda z: cos(sqrt(z))
    p = minimax(lambda z: (sine(z) - 1) / z, lambda z: z / sine(z), low, high, 2, 24)
    report("sin for f32", p, lambda z, v: 1 + z * v, sine, low, high)
    q = minimax(lambda z: ((cosine(z) - 1) / z + 0.5) / z, lambda z: z * z / cosine(z), low, high, 2, 24)
    report("cos for f32", q, lambda z, v: 1 + z * (z * v - 0.5), cosine, low, high)


def fit_tan():
    odd("tan", tan, pi / 4, 15)


def fit_asin():
    odd("asin", asin, mpf("0.5"), 13)


def fit_atan():
    odd("atan", atan, sqrt(mpf(2)) - 1, 11)


def fit_erfc():
    """(1 + 2x)·e^(x²)·erfc(x) in u = (x - center) / (x + center), for x from 1/2 to where erfc has become 0."""
    center, half, end = mpf("3.5"), mpf("0.5"), 28
    scaled = lambda x: (1 + 2 * x) * exp(x * x) * erfc(x)
    of_u = lambda u: scaled(center * (1 + u) / (1 - u))
    low, high = (half - center) / (half + center), (end - center) / (end + center)
    p = interpolate(of_u, low, high, 22)
    report("erfc", p, lambda u, v: v, of_u, low, high)


def fit_erfc_f32():
    """(x + 2)·e^(x²)·erfc(x) in v = 11/8 - 77/16 / (x + 2), for x from 0 to where erfc has become 0."""
    shift, middle, slope = mpf(2), mpf("1.375"), mpf("4.8125")
    scaled = lambda x: (x + shift) * exp(x * x) * erfc(x)
    of_v = lambda v: scaled(slope / (middle - v) - shift)
    low, high = middle - slope / shift, middle - slope / (mpf("10.2") + shift)
    p = reweighted(of_v, low, high, 10)
    report("erfc for f32", p, lambda v, value: value, of_v, low, high)


def fit_digamma():
    """digamma(x) / (x - x0) in x - 1.5, for x from 1 to 2; x0 is the zero."""
    zero = findroot(digamma, mpf("1.46163214496836234126"))
    high = float(zero)
    middle = float(zero - mpf(high))
    print("zero of digamma:", high.hex(), middle.hex())
    ratio = lambda t: digamma(t + mpf("1.5")) / (t + mpf("1.5") - zero)
    p = interpolate(ratio, mpf("-0.5"), mpf("0.5"), 24)
    report("digamma", p, lambda t, v: v, ratio, mpf("-0.5"), mpf("0.5"))


fits = {"wave_f32": fit_wave_f32, "tan": fit_tan, "asin": fit_asin, "atan": fit_atan, "erfc": fit_erfc, "erfc_f32": fit_erfc_f32, "digamma": fit_digamma}

for name in sys.argv[1:] or fits:
    fits[name]()
