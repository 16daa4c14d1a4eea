"""Writes the recorded references of the op table: reads rows and inputs from `op_table inputs`, see record."""

import os
import re
import sys
import textwrap

import mpmath as mp
import numpy as np

import formulas

mp.mp.dps = 50
RECORDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded")


def read_array(words):
    """An array of exact numbers: mpf for f64, int for i64, bool."""
    dtype, shape, *elements = words
    dimensions = [] if shape == "()" else [int(n) for n in shape.split("x")]
    convert = {"f64": mp.mpf, "i64": int, "bool": lambda word: bool(int(word))}[dtype]
    array = np.empty(len(elements), dtype=object)
    array[:] = [convert(word) for word in elements]
    return array.reshape(dimensions)


def dtype_of(element):
    if isinstance(element, (bool, np.bool_)):
        return "bool"
    return "i64" if isinstance(element, (int, np.integer)) else "f64"


def text_of_number(element):
    if isinstance(element, (bool, np.bool_)):
        return str(int(element))
    if isinstance(element, (int, np.integer)):
        return str((int(element) + 2**63) % 2**64 - 2**63)
    if isinstance(element, mp.mpc):
        element = mp.nan  # what is not real
    return re.sub(r"\.0$", "", repr(float(element)))  # rounded to nearest


def text_of(array, dtype=None):
    array = np.asarray(array, dtype=object)
    elements = list(array.reshape(-1))
    dtype = dtype or (dtype_of(elements[0]) if elements else "f64")
    shape = "x".join(str(n) for n in array.shape) or "()"
    return " ".join([dtype, shape] + [text_of_number(element) for element in elements])


def evaluate(reference, elementwise, inputs):
    code = compile(reference, reference, "eval")
    names = {name: getattr(formulas, name) for name in dir(formulas) if not name.startswith("_")}
    names.update(mp=mp, np=np)
    if not elementwise:
        return eval(code, names, dict(zip("xyzw", inputs)))
    result = np.empty(inputs[0].size, dtype=object)
    for i in range(result.size):
        result[i] = eval(code, names, {name: array.reshape(-1)[i] for name, array in zip("xyzw", inputs)})
    return result.reshape(inputs[0].shape)


def wrapped(text):
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def write(family, rows):
    with open(os.path.join(RECORDED, family + ".txt"), "w") as file:
        file.writelines(f"# {name}\n" + "\n".join(cases) + "\n" for name, cases in rows)
    print(f"{family}: {len(rows)} rows")


def main():
    family, rows, inputs, dtypes = None, [], [], []
    for line in sys.stdin:
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == "family":
            if family:
                write(family, rows)
            family, rows = rest, []
        elif word == "row":
            rows.append((rest, []))
        elif word == "reference":
            reference = rest
        elif word == "elementwise":
            elementwise = rest == "1"
        elif word == "input":
            inputs.append(read_array(rest.split()))
            dtypes.append(rest.split()[0])
        elif word == "case":
            try:
                value = evaluate(reference, elementwise, inputs)
            except Exception as error:
                sys.exit(f"{rows[-1][0]}: {reference} of {[a.shape for a in inputs]}: {error!r}")
            text = " ".join(text_of(*pair) for pair in zip(inputs, dtypes))
            rows[-1][1].append(wrapped(text + " -> " + text_of(value)))
            inputs, dtypes = [], []
    if family:
        write(family, rows)


main()
