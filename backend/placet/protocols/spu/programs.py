"""The programs that SPU may run: fixed here by name, never sent by a peer.

A program is a function of (parameters, arrays by input name) that returns a tuple of arrays. It runs while SPU traces
it, with jax arrays, so it may use `jax.numpy` (imported inside the function: only the engine's process has it) and no
Python branch on values. Every party runs the same program on the same parameters and shapes; inputs are secret and
all outputs stay shares, but for whether to refuse (`Program.refusal`).

To add one: write the function and its parameters' model, and put a `Program` into `PROGRAMS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from placet.core.errors import InputError
from placet.core.values import Value
from placet.protocols.mpc import programs as declared
from placet.protocols.mpc.finishing import TreesFinish
from placet.protocols.mpc.growing import TreeGrow
from placet.protocols.mpc.regression import LinearTrain
from placet.protocols.mpc.scorecard import ScorecardTrain
from placet.protocols.mpc.scoring import LinearScore, ScorecardScore, TreesScore
from placet.protocols.mpc.transfer import TransferJudge
from placet.protocols.spu import arithmetic, banding, finishing, growing, regression, scorecard, scoring, transferring
from placet.protocols.spu.tabulating import NOISE, MatchedTable, commons, matched_table, once, parts

Array = Any
"""A jax array under trace."""


@dataclass(frozen=True)
class Program:
    """`name` stands in plans and trails; `parameters` is public and parsed before anything runs. With a `refusal` the
    last output is a whole number: whether it is 0 is opened to all parties. Any other one ends the run with this code,
    and nobody gets a share of anything."""

    name: str
    parameters: type[Value]
    body: Callable[[Any, Mapping[str, Array]], tuple[Array, ...]]
    refusal: str | None = None


class NoParameters(Value):
    """For programs that are fixed by their inputs alone."""


def _sum_of_vectors(_: NoParameters, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    first, *rest = arrays.values()
    return (sum(rest, start=first),)


class MatchedShares(Value):
    """`smallest`: how many common entries there must be, lest nothing of them comes out."""

    smallest: Annotated[int, Field(strict=True, ge=1, le=2**31)]


def _intersection(asked: MatchedShares, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    """Entries of the `simple` bins (n, depth) that equal their bin's `cuckoo` entry (n,): how many, and the sum of the
    `amounts` that go with them, of either shape; as one array, of zeros where there are fewer than `smallest`. Each
    rank's `noise-RANK` (1,), where they bring some, is added to the count before anything is compared."""
    import jax.numpy as jnp

    count, total = sum(jnp.sum(arrays[one]) for one in NOISE if one in arrays), 0
    for some in parts(*arrays["simple"].shape):
        common = commons(arrays, some)
        matched = once(common)
        count = count + jnp.sum(matched)
        if "amounts" in arrays:
            amounts = arrays["amounts"][some]
            total = total + jnp.sum(amounts * (common if amounts.ndim == 2 else matched))
    numbers = [count, total] if "amounts" in arrays else [count]
    enough = (numbers[0] >= asked.smallest).astype(jnp.int64)
    return (jnp.stack(numbers) * enough,)


SUM_OF_VECTORS = Program("sum-of-vectors", NoParameters, _sum_of_vectors)
INTERSECTION = Program("intersection-count-and-sum", MatchedShares, _intersection)
TABLE = Program("intersection-table", MatchedTable, matched_table)
PROGRAMS: dict[str, Program] = {
    program.name: program
    for program in (
        SUM_OF_VECTORS,
        INTERSECTION,
        TABLE,
        Program("sum", declared.Sum, arithmetic.total),
        Program("mean", declared.Mean, arithmetic.total),
        Program("weighted-sum", declared.WeightedSum, arithmetic.weighted_sum),
        Program("dot", declared.Dot, arithmetic.dot),
        Program("compare", declared.Compare, arithmetic.compare),
        Program("group-by", declared.GroupBy, arithmetic.group_by),
        Program("group-totals", declared.GroupTotals, arithmetic.group_totals),
        Program("levels", declared.Levels, arithmetic.levels),
        Program("bands", declared.Bands, banding.bands),
        Program("pair-statistics", declared.PairStatistics, arithmetic.pair_statistics),
        Program("scorecard-train", ScorecardTrain, scorecard.scorecard_train),
        Program("linear-train", LinearTrain, regression.linear_train),
        Program("scorecard-score", ScorecardScore, scoring.weighted_score, refusal=scoring.SKEW),
        Program("linear-score", LinearScore, scoring.weighted_score, refusal=scoring.SKEW),
        Program("trees-score", TreesScore, scoring.trees_score, refusal=scoring.SKEW),
        Program("tree-grow", TreeGrow, growing.tree_grow),
        Program("trees-finish", TreesFinish, finishing.trees_finish),
        Program("transfer-judge", TransferJudge, transferring.transfer_judge),
    )
}


def find(name: str) -> Program:
    """InputError for a name that is not registered."""
    if name not in PROGRAMS:
        raise InputError("no such program", expected=", ".join(sorted(PROGRAMS)), found=name, code="spu.program")
    return PROGRAMS[name]
