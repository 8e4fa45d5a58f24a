"""A small neural network as data, and its weights as whole numbers that several places agree on.

Layers of weights and biases with ReLU between them; the last one gives the log odds of label 1. All weights stand in
one row, layer by layer: a layer's matrix (outputs, inputs) row by row, then its biases. They are whole 2^-24, within
±64, so that places which add and divide alike have the very same network, bit by bit.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from placet.core.errors import InputError
from placet.core.hashing import canonical, sha256
from placet.core.values import Value
from placet.models.choices import MAX_HIDDEN, MAX_UNITS, MAX_WIDTH, count, shapes
from placet.models.preparing import UNIT, Prepared, PreparedColumn
from placet.models.scorecard import Key, Text

WEIGHT = 2**24
"""What 1 is as a whole weight."""
MAX_WEIGHT = 64
MAX_MOVE = 8
"""How far a place's own training may move a weight in a round; beyond it counts as that."""
Whole = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


def initial(used: Sequence[bool], hidden: Sequence[int], seed: bytes) -> Whole:
    """Weights to start from, the same wherever the seed is: uniform within ±√(6 / inputs) (He et al. 2015), biases 0.
    `used`: which numbers of a row the network reads; the others' weights are 0 and remain so."""
    layers = []
    stream = np.frombuffer(hashlib.shake_256(seed).digest(4 * count(len(used), hidden)), "<u4").astype(np.int64)
    for number, (after, before) in enumerate(shapes(len(used), hidden)):
        reads = max(1, sum(used)) if number == 0 else before
        bound = math.isqrt(6 * WEIGHT**2 // reads)
        own, stream = stream[: after * before], stream[after * before :]
        weights = (own % (2 * bound + 1) - bound).reshape(after, before)
        if number == 0:
            weights = weights * np.array(used, np.int64)
        layers += [weights.reshape(-1), np.zeros(after, np.int64)]
    return np.concatenate(layers)


def layers_of(weights: npt.NDArray[Any], width: int, hidden: Sequence[int]) -> list[npt.NDArray[Any]]:
    """A matrix and biases of each layer, in turn. InputError for another number of weights."""
    if len(weights) != count(width, hidden):
        raise InputError("weights of another network", expected=count(width, hidden), found=len(weights))
    parts, start = [], 0
    for after, before in shapes(width, hidden):
        middle, end = start + after * before, start + after * (before + 1)
        parts += [weights[start:middle].reshape(after, before), weights[middle:end]]
        start = end
    return parts


def summand(moved: Reals, rows: int) -> Whole:
    """What a place adds to the sum of a round: how far its training of so many rows moved each weight, `rows` times.
    InputError for what is no number."""
    return np.asarray(_whole(moved, MAX_MOVE) * rows)


def largest_sum(people: int) -> int:
    """No total of `summand` is further from 0."""
    return MAX_MOVE * WEIGHT * people


def mean_of(weights: Whole, totals: Whole, people: int) -> Reals:
    """The mean network of all rows after a round. Of two whole numbers each, so every machine has the same."""
    return np.asarray((weights + totals / people) / WEIGHT)


def snapped(weights: Reals) -> Whole:
    """As whole 2^-24 within the largest weight. InputError for what is no number."""
    return _whole(weights, MAX_WEIGHT)


def _whole(numbers: Reals, most: int) -> Whole:
    if not np.isfinite(numbers).all():
        raise InputError("training has no numbers any more", remedy="a smaller learning rate", code="flower.diverged")
    return np.asarray(np.rint(np.clip(numbers, -most, most) * WEIGHT), np.int64)


def forward(layers: Sequence[npt.NDArray[Any]], design: Reals) -> Reals:
    """The log odds of each row of numbers."""
    signal = design
    for number, (weights, biases) in enumerate(_pairs(layers)):
        signal = (np.maximum(signal, 0.0) if number else signal) @ (weights / WEIGHT).T + biases / WEIGHT
    return np.asarray(signal[:, 0], dtype=np.float64)


def _pairs(layers: Sequence[npt.NDArray[Any]]) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    return list(zip(layers[::2], layers[1::2], strict=True))


class NetworkColumn(Value):
    """A party's column, and how it becomes numbers."""

    party: Text
    column: Text
    prepared: PreparedColumn


_Weight = Annotated[int, Field(strict=True, ge=-MAX_WEIGHT * WEIGHT, le=MAX_WEIGHT * WEIGHT)]
_Weights = Annotated[tuple[_Weight, ...], Field(min_length=1, max_length=MAX_WIDTH)]


class NetworkLayer(Value):
    """`weights` by output, one for each input, and `biases`; whole 2^-24."""

    weights: Annotated[tuple[_Weights, ...], Field(min_length=1, max_length=MAX_UNITS)]
    biases: Annotated[tuple[_Weight, ...], Field(min_length=1, max_length=MAX_UNITS)]

    @model_validator(mode="after")
    def _even(self) -> NetworkLayer:
        if len({len(one) for one in self.weights}) > 1 or len(self.weights) != len(self.biases):
            raise ValueError("as many weights and one bias for each output")
        return self


class NetworkModel(Value):
    """The whole of it: ReLU between layers, the log odds of label 1 behind the last."""

    type: Literal["placet.network"] = "placet.network"
    version: Literal[1] = 1
    label: Text
    columns: Annotated[tuple[NetworkColumn, ...], Field(min_length=1, max_length=512)]
    layers: Annotated[tuple[NetworkLayer, ...], Field(min_length=1, max_length=MAX_HIDDEN + 1)]

    @model_validator(mode="after")
    def _fits(self) -> NetworkModel:
        if len({(one.party, one.column) for one in self.columns}) < len(self.columns):
            raise ValueError("each column of a party once")
        sizes = [sum(one.prepared.width for one in self.columns), *(len(one.biases) for one in self.layers)]
        if sizes[-1] != 1 or [len(one.weights[0]) for one in self.layers] != sizes[:-1]:
            raise ValueError("each layer reads what the one before gives, and the last gives one number")
        return self

    @cached_property
    def commitment(self) -> bytes:
        """SHA-256("placet.model/1" ‖ canonical JSON)."""
        return sha256(b"placet.model/1", canonical(self.to_json()))

    @property
    def arrays(self) -> list[Whole]:
        """As `layers_of` gives them."""
        return [np.array(part, np.int64) for one in self.layers for part in (one.weights, one.biases)]

    def predictors(self, values: Mapping[Key, Sequence[Any]]) -> Reals:
        """The log odds of label 1 of each row. InputError where a column lacks."""
        missing = [f"{one.party}: {one.column}" for one in self.columns if (one.party, one.column) not in values]
        if missing:
            raise InputError("the model reads columns that are not there", expected=", ".join(missing)[:400])
        prepared: list[Prepared] = [one.prepared.prepare(values[one.party, one.column]) for one in self.columns]
        return forward(self.arrays, np.concatenate(prepared, axis=1) / UNIT)


def model_of(label: str, columns: Sequence[NetworkColumn], weights: Whole, hidden: Sequence[int]) -> NetworkModel:
    """The model of these weights."""
    parts = layers_of(weights, sum(one.prepared.width for one in columns), hidden)
    layers = [{"weights": matrix.tolist(), "biases": biases.tolist()} for matrix, biases in _pairs(parts)]
    entries = [one.model_dump() for one in columns]
    return NetworkModel.model_validate({"label": label, "columns": entries, "layers": layers})
