"""The one set of parameters of `psi.fhe/1`: both sides know it by the protocol's name, and no message names another.

*Lattice* (`ParameterSet`): degree N = 8,192 with 218 bits of coefficient modulus, which is 128 bits of security
against classical attackers by the HomomorphicEncryption.org standard (2018); `scheme` lets SEAL check that and refuses
anything less. The plaintext modulus t = 1,032,193 is 1 modulo 2N, so that a plaintext is N numbers below t.

*Layout*: N slots are 2,048 bins of four numbers. A tag is four numbers below t (80 bits), of 512 bits of the
pseudorandom function, and three bins. Lists of up to `MAX_LIST` fill half of the bins at the most: that a cuckoo table
with three hash functions has no room is then less likely than 2^-50.

*Powers*: the receiver encrypts y to `SOURCES`; every power to `HIGHEST` is a product of at most four of them, so two
multiplications deep (the postage stamp problem: Challis, "Two new techniques for computing extremal h-bases A_k",
1993; Chen, Laine, Rindal take powers of two, which go deeper).

*False positives*: a tag that is in no row is taken for one where in one part of the set each of its four numbers is a
root: (degree / t)^4 a part and tag; for 1,024 tags against 1,000,000 rows 2^-40 in all (`false_positives`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

N = 8192
T = 1_032_193
PRIMES = (0x7FFFFFD8001, 0x7FFFFFC8001, 0xFFFFFFFC001, 0xFFFFFF6C001, 0xFFFFFEBC001)
"""SEAL's default for 128 bits; the last is for keys alone."""
FELTS = 4
BINS = N // FELTS
PLACES = 3
"""Bins that a row may be in."""
SOURCES = (1, 3, 11, 15, 32)
HIGHEST = 70
MAX_LIST = 1024
QUERY_PRIMES = 3
"""Of the ciphertexts that the receiver sends; computing on more would cost more and end with no less noise budget."""
EVALUATION_PRIMES = 2
"""Once the powers are there."""
ANSWER_PRIMES = 1
MIN_BUDGET = 4
"""Bits of noise budget that an answer must have left; ours have ten."""


@dataclass(frozen=True)
class ParameterSet:
    """BFV's parameters: degree, plaintext modulus, primes of the coefficient modulus (the key's own last)."""

    degree: int = N
    plain: int = T
    primes: tuple[int, ...] = PRIMES


PARAMETERS = ParameterSet()


def splits(degree: int) -> tuple[tuple[int, int, int], ...]:
    """(power, one, other) with power = one + other, for each power to `degree` that is no source: in an order in which
    both are there already, no power deeper than it must be."""
    depth = {power: 0 for power in SOURCES if power <= degree}
    ways: list[tuple[int, int, int]] = []
    level = 0
    while len(depth) < degree:
        level += 1
        there = sorted(depth)
        for power in (p for p in range(1, degree + 1) if p not in depth):
            one = next((one for one in there if power - one in there), None)
            if one is not None:
                ways.append((power, one, power - one))
        depth |= {power: level for power, *_ in ways if power not in depth}
    return tuple(ways)


def partition(depth: int) -> tuple[int, int]:
    """(parts, degree) of a set whose fullest bin has `depth` rows: as few parts as can be, each of the same degree."""
    parts = max(1, -(-depth // HIGHEST))
    return parts, max(1, -(-depth // parts))


def most_parts(rows: int) -> int:
    """Of so many rows, but for chances below 2^-60: ten standard deviations beyond a bin's mean, and ten rows."""
    mean = PLACES * rows / BINS
    return partition(math.ceil(mean + 10 * math.sqrt(mean) + 10))[0]


def false_positives(listed: int, parts: int, degree: int) -> float:
    """Bound on the chance that any of so many tags that are in no row is taken for one."""
    return float(listed * parts * (degree / T) ** FELTS)
