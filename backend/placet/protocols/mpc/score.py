"""Linear scores: one party's secret weights on another's secret features, by the dot products of `dot`.

The score of a row of features f is w·f + b. Weights w and bias b are real numbers, kept as integers at the scale 2^20
(an error of at most 2^-21 each, halves to even); they may be up to 2^22, some four millions. Features are integers, in
units that both sides have agreed, up to 2^42: amounts in minor units, counts, or fixed-point numbers with a scale of
their own. Scores come out exactly, as integers at the scale 2^20: rounding is over once weights are fixed. The bias
travels as the weight of one more feature that is always 1.

Who learns what is said in `dot`, with the weights' side as the asker. Both get additive shares of the scores. Scores
tell about weights and features what they imply: whoever gets scores under enough different weights, or of enough
different rows, solves for the other side's numbers. How often is for consents, uses and budgets to bound.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from fractions import Fraction

from placet.core.errors import DataError
from placet.protocols.channel import Channel
from placet.protocols.mpc import dot
from placet.protocols.mpc.additive import Vector
from placet.protocols.mpc.paillier import SecretKey
from placet.protocols.order import Entropy
from placet.protocols.work import Progress

SCALE = 2**20


def fixed(value: float) -> int:
    """A weight at the scale 2^20. DataError for what is no number, not finite, or beyond ±2^22."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError("a weight is not a number", expected="int or float", found=type(value).__name__)
    if not abs(value) <= dot.ENTRY_LIMIT // SCALE:  # nor is NaN
        raise DataError("a weight is out of range", expected="within ±2^22", found="a larger one, or NaN")
    return round(Fraction(value) * SCALE)


async def by_weights(
    channel: Channel,
    holder: str,
    key: SecretKey,
    weights: Sequence[float],
    bias: float,
    *,
    rows: int,
    entropy: Entropy = secrets.token_bytes,
    progress: Progress | None = None,
) -> Vector:
    """The weights' side, which has the key: its shares of the scores of the holder's rows. Errors as `dot.ask`."""
    vector = [fixed(weight) for weight in (*weights, bias)]
    return await dot.ask(channel, holder, key, vector, rows=rows, entropy=entropy, progress=progress)


async def by_features(
    channel: Channel,
    asker: str,
    rows: Sequence[Sequence[int]],
    *,
    entropy: Entropy = secrets.token_bytes,
    progress: Progress | None = None,
) -> Vector:
    """The features' side: its shares of the scores, in the order of `rows`. Errors as `dot.answer`."""
    return await dot.answer(channel, asker, [[*row, 1] for row in rows], entropy=entropy, progress=progress)


def read(score: int) -> Fraction:
    """A reconstructed score as a number, exactly."""
    return Fraction(score, SCALE)
