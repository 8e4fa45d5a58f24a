"""The program `transfer-judge` against the same in the clear: its body over plain arrays, and whole on the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import InputError
from placet.models.source import SourceWeights, TreesShape
from placet.models.transfer import (
    ALONE,
    MAP,
    RECALIBRATED,
    SOURCE,
    STEPS,
    Judged,
    Recalibration,
    accepted,
    basis_of,
    judged_in_clear,
    map_fit,
    recalibrated,
    wins,
)
from placet.protocols.mpc.transfer import MOST, SCORE_BITS, TransferJudge, fine
from placet.protocols.spu import Network, choose, compute, reconstruct
from placet.protocols.spu.transferring import BASIS, DESIGN, LABELS, OWN, PULL, WEIGHTS, WINS, transfer_judge
from placet.recipes.model_transfer.run import secrets_of
from plain_arrays import numpy_as_jax

Arrays = dict[str, Any]


def sample(seed: int, train: int, positives: int, negatives: int, width: int) -> tuple[TransferJudge, Arrays]:
    luck = np.random.default_rng(seed)
    rows = train + positives + negatives
    design = np.rint(32 * np.clip(luck.normal(size=(rows, width)), -4, 4)).astype(np.int64)
    weights = np.rint(2**11 * np.append(-32.0, 0.5 * luck.normal(size=width))).astype(np.int64)
    scores = (weights[0] + design @ weights[1:]) / 2**SCORE_BITS
    labels = (luck.random(rows) < 1 / (1 + np.exp(-scores - 0.3))).astype(np.int64)[:train]
    basis = basis_of(design / 32, train, 100.0)
    own = fine(map_fit(basis, np.zeros(rows), labels.astype(float), 60)[train:])
    program = TransferJudge(
        width=width, rank=min(train, width + 1), train=train, positives=positives, negatives=negatives, steps=STEPS
    )
    brought = {DESIGN: design, BASIS: fine(basis.rows), PULL: fine(basis.pull), LABELS: labels, OWN: own}
    return program, {WEIGHTS: weights, **brought, WINS: np.concatenate(wins(own, positives))}


def with_trees(seed: int) -> tuple[TransferJudge, Arrays]:
    """The same of two trees over cells."""
    program, arrays = sample(seed, 40, 8, 20, 6)
    luck = np.random.default_rng(seed)
    shape = TreesShape(trees=2, depth=2)
    cells = np.eye(3, dtype=np.int64)[luck.integers(0, 3, (program.rows, 2))].reshape(-1, 6)
    yes, leaves = luck.integers(0, 2, (2, 3, 2, 3)), luck.integers(-60_000, 60_000, (2, 4))
    for node in yes.reshape(-1, 2, 3):
        node[luck.integers(2)] = 0
    numbers = np.concatenate([[-30_000], yes.reshape(-1), leaves.reshape(-1)])
    arrays |= {WEIGHTS: numbers, DESIGN: cells}
    return program.model_copy(update={"trees": shape}), arrays


def test_trees_rank_as_in_the_clear() -> None:
    program, arrays = with_trees(5)
    with numpy_as_jax():
        (line,) = transfer_judge(program, arrays)
    _, judged = program.opened(line)
    scores = SourceWeights(arrays[WEIGHTS], program.trees).scores(32 * arrays[DESIGN])[program.train :]
    own, _ = wins(scores, program.positives)
    assert len(set(scores.tolist())) >= 3
    expected = own.sum() / (2 * program.positives * program.negatives)
    assert judged.area[SOURCE].value == pytest.approx(expected, abs=2e-4)


def in_clear(program: TransferJudge, arrays: Arrays) -> tuple[Recalibration, Judged]:
    weights, design, labels = arrays[WEIGHTS], arrays[DESIGN], arrays[LABELS].astype(np.float64)
    scores = (weights[0] + design @ weights[1:]) / 2**SCORE_BITS
    line = recalibrated(scores[: program.train], labels, program.steps)
    mapped = map_fit(basis_of(design / 32, program.train, 100.0), scores, labels, program.steps)
    log_odds = {SOURCE: scores, RECALIBRATED: line.of(scores), MAP: mapped}
    judged = {name: one[program.train :] for name, one in log_odds.items()} | {ALONE: arrays[OWN] / 2**16}
    return line, judged_in_clear(judged, program.positives)


def far(one: Judged, other: Judged) -> dict[str, float]:
    """By how much figures, their errors and gains differ at the most."""
    parts = {
        name: [
            number
            for pair in zip(getattr(one, name).values(), getattr(other, name).values(), strict=True)
            for number in (pair[0].value - pair[1].value, pair[0].error - pair[1].error)
        ]
        for name in ("gains", "area_gains")
    }
    for name in ("loss", "area"):
        mine, theirs = getattr(one, name), getattr(other, name)
        parts[name] = [mine[key].value - theirs[key].value for key in theirs]
        parts[f"{name} errors"] = [mine[key].error - theirs[key].error for key in theirs if key != RECALIBRATED]
    return {name: max(map(abs, numbers)) for name, numbers in parts.items()}


@given(st.integers(0, 2**32 - 1), st.integers(8, 120), st.integers(2, 40), st.integers(2, 60), st.integers(1, 12))
def test_figures_are_those_of_the_clear_but_for_rounding(
    seed: int, train: int, positives: int, negatives: int, width: int
) -> None:
    program, arrays = sample(seed, train, positives, negatives, width)
    with numpy_as_jax():
        (line,) = transfer_judge(program, arrays)
    assert line.shape == (program.outputs,) and line.dtype == np.int64
    own, judged = program.opened(line)
    clear, expected = in_clear(program, arrays)
    assert abs(own.slope - clear.slope) < 0.002 and abs(own.intercept - clear.intercept) < 0.002
    apart = far(judged, expected)
    assert apart["loss"] < 5e-4 and apart["loss errors"] < 6e-3  # the root of a rounded variance
    assert apart["gains"] < 1e-3
    few_pairs = 0.01 + 4 / (positives * negatives)  # of rows that MAP ranks nearly alike
    assert max(apart["area"], apart["area_gains"]) < few_pairs and apart["area errors"] < few_pairs
    assert judged.area[SOURCE].value == pytest.approx(expected.area[SOURCE].value, abs=2e-4)


def test_no_figure_tells_more_than_so_many_bits() -> None:
    """A target that packs rows into one sum, by numbers far beyond what its rows make, gets none of it."""
    program, arrays = sample(1, 60, 10, 30, 3)
    packed = arrays | {WINS: 2 ** (2 * np.arange(program.validation, dtype=np.int64) % 50)}
    packed[OWN] = 2**24 * (1 + np.arange(program.validation, dtype=np.int64))
    with numpy_as_jax():
        (line,) = transfer_judge(program, packed)
    assert np.abs(line).max() == MOST
    with pytest.raises(InputError):
        program.opened(line)


@pytest.mark.parametrize("changes", [{0: 2**41}, {2: -5}, {20: -1}, {18: 2**30}])
def test_shares_of_no_judged_models_are_refused(changes: dict[int, int]) -> None:
    program, arrays = sample(1, 60, 10, 30, 3)
    with numpy_as_jax():
        (line,) = transfer_judge(program, arrays)
    for place, number in changes.items():
        line[place] = number
    with pytest.raises(InputError):
        program.opened(line)
    with pytest.raises(InputError):
        program.opened(line[:-1])


@pytest.mark.slow  # its body by default above; the engine computes by default in test_kept and test_regression
def test_two_parties_come_to_the_same(engine: None, networks: Callable[..., list[Network]], scratch: Path) -> None:
    program, arrays = sample(4, 60, 10, 30, 3)
    secrets, cheetah = secrets_of(program), choose(2)

    async def together() -> Any:
        shares = await asyncio.gather(
            *(
                compute(
                    network,
                    cheetah,
                    program.program,
                    program,
                    secrets,
                    {one.name: arrays[one.name] for one in secrets if one.owner == network.me},
                    scratch=scratch,
                    seconds=400,
                )
                for network in networks(2)
            )
        )
        return await reconstruct([one for (one,) in shares], cheetah, scratch=scratch, seconds=60)

    own, judged = program.opened(asyncio.run(together()))
    clear, expected = in_clear(program, arrays)
    assert abs(own.slope - clear.slope) < 0.02 and abs(own.intercept - clear.intercept) < 0.02
    apart = far(judged, expected)
    assert (
        apart["loss"] < 0.003 and apart["gains"] < 0.002
    )  # the engine's logarithm is off by a thousandth, alike in all
    assert apart["area"] < 0.005 and apart["area_gains"] < 0.005
    assert accepted(judged, own.slope) == accepted(expected, clear.slope)
