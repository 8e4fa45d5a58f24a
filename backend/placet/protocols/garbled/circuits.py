"""Circuits, written once for both sides. Wires of a number stand by bit planes, the lowest first, two's complement."""

from __future__ import annotations

import numpy as np

from placet.protocols.garbled.labels import Labels, bits_of
from placet.protocols.garbled.sides import GateSide


def all_of(side: GateSide, planes: Labels) -> Labels:
    """AND of the planes (width, lanes, 2), lane by lane, as a tree: width - 1 gates a lane."""
    while len(planes) > 1:
        half, lanes = len(planes) // 2, planes.shape[1]
        pairs = side.conjunction(planes[:half].reshape(-1, 2), planes[half : 2 * half].reshape(-1, 2))
        planes = np.concatenate([pairs.reshape(half, lanes, 2), planes[2 * half :]])
    wires: Labels = planes[0]
    return wires


def count_ones(side: GateSide, wires: Labels) -> Labels:
    """How many of the wires (n, 2), n at least 1, are 1: (bits of n, 2). Adders of three wires each, Boyar and
    Peralta's layout: fewer than n gates."""
    planes: list[Labels] = []
    while True:
        carries: list[Labels] = []
        while len(wires) > 1:
            third = max(len(wires) // 3, 1)
            one, other = wires[:third], wires[third : 2 * third]
            if len(wires) > 2:
                last = wires[2 * third : 3 * third]
                carries.append(last ^ side.conjunction(one ^ last, other ^ last))
                wires = np.concatenate([one ^ other ^ last, wires[3 * third :]])
            else:
                carries.append(side.conjunction(one, other))
                wires = one ^ other
        planes.append(wires)
        if not carries:
            return np.concatenate(planes)
        wires = np.concatenate(carries)


def widened(side: GateSide, number: Labels, width: int) -> Labels:
    """A number (bits, 2) that is never negative, to `width` bits."""
    return np.concatenate([number, side.public(np.zeros(width - len(number), np.uint8))])


def add(side: GateSide, one: Labels, other: Labels) -> Labels:
    """The sum (width, 2) of two numbers of that width, modulo 2^width: width - 1 gates."""
    carry = side.public(np.zeros(1, np.uint8))
    planes: list[Labels] = []
    for place in range(len(one)):
        a, b = one[place : place + 1], other[place : place + 1]
        planes.append(a ^ b ^ carry)
        if place + 1 < len(one):
            carry = carry ^ side.conjunction(a ^ carry, b ^ carry)
    return np.concatenate(planes)


def at_least(side: GateSide, number: Labels, bound: int) -> Labels:
    """Whether a signed number (width, 2) is `bound` or more, which both know: (1, 2). The difference must fit in the
    width."""
    width = len(number)
    negative = np.array(-bound % (1 << width), np.uint64)
    difference = add(side, number, side.public(bits_of(negative, width)))
    return side.flip(difference[-1:])


def zero_unless(side: GateSide, wire: Labels, number: Labels) -> Labels:
    """The number (width, 2) where the wire (1, 2) is 1, else zero."""
    return side.conjunction(np.repeat(wire, len(number), axis=0), number)
