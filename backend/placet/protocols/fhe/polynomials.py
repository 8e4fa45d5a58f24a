"""The sender's polynomials: of one part of its rows, a polynomial modulo t in each slot whose roots are that slot's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from placet.protocols.fhe.layout import Numbers, draw
from placet.protocols.fhe.parameters import T
from placet.protocols.order import Entropy

Coefficients = npt.NDArray[np.uint32]
_COLUMNS = 1024
"""At a time, so that they stay in the processor's cache."""


def from_roots(roots: Numbers, entropy: Entropy) -> Coefficients:
    """(degree + 1, N), the constant first, of roots (degree, N), times a random number other than zero in each slot:
    so a value that is not zero is uniform."""
    degree, width = roots.shape
    coefficients = np.empty((degree + 1, width), dtype=np.uint32)
    factors = 1 + draw(width, entropy, T - 1)
    for start in range(0, width, _COLUMNS):
        columns = slice(start, start + _COLUMNS)
        coefficients[:, columns] = _product(roots[:, columns], factors[columns])
    return coefficients


def _product(roots: Numbers, factors: Numbers) -> Numbers:
    degree, width = roots.shape
    product = np.zeros((degree + 1, width), dtype=np.int64)
    product[0] = factors
    for count, root in enumerate(roots):
        product[1 : count + 2] = (product[: count + 1] - root * product[1 : count + 2]) % T
        product[0] = -root * product[0] % T
    return product


def power(values: Numbers, exponent: int) -> Numbers:
    """Each value to a power, modulo t."""
    result = np.ones_like(values)
    for bit in f"{exponent:b}":
        result = result * result % T
        if bit == "1":
            result = result * values % T
    return result
