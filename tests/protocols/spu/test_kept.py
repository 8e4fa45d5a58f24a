"""Shares that stay with the parties, from one program to the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placet.core.errors import InputError
from placet.models.binning import one_hot
from placet.models.preparing import UNIT
from placet.models.probes import probe_cells, probe_codes
from placet.protocols.mpc.scoring import LinearScore, ScorecardScore, ScoreProgram, TreesScore, kept_of
from placet.protocols.spu import Engine, KeptShare, Network, Secret, choose, compute, reconstruct
from placet.protocols.spu.programs import SUM_OF_VECTORS, NoParameters
from placet.protocols.spu.scoring import FIRST_PARTS, MODEL, SECOND_PARTS
from placet.protocols.spu.shares import ShareBytes, encode
from placet.recipes.blocks import sharing_out

SECONDS = 240.0
CHEETAH, ABY3 = choose(2), choose(3)
SHARE = encode(ShareBytes(b"\x08\x08\x18\x01*\x12cheetah.AShr<FM64>", (b"bytes",)))
KEPT = KeptShare(engine=CHEETAH, rank=1, dtype="int64", shape=(8,), share=SHARE)


@pytest.mark.parametrize(
    "changes",
    [
        {"engine": ABY3},
        {"engine": choose(2, field="FM128")},
        {"engine": Engine(protocol="cheetah", fraction_bits=20)},
        {"rank": 0},
        {"dtype": "float32"},
        {"shape": (9,)},
        {"share": encode(ShareBytes(b"*\x0faby3.AShr<FM64>", (b"bytes",)))},
        {"share": encode(ShareBytes(b"*\x13cheetah.AShr<FM128>", (b"bytes",)))},
    ],
)
def test_a_share_of_something_else_is_refused(changes: dict[str, Any]) -> None:
    KEPT.demand("points", CHEETAH, 1, "int64", (8,))
    other = KEPT.model_copy(update=changes)
    with pytest.raises(InputError) as caught:
        other.demand("points", CHEETAH, 1, "int64", (8,))
    assert caught.value.code == "spu.kept"
    assert KeptShare.model_validate(KEPT.to_json()) == KEPT


def test_each_kept_array_has_its_share_and_no_other_has(networks: Callable[..., list[Network]], scratch: Path) -> None:
    network = networks(2)[1]
    own, points = Secret("own", 1, "int64", (8,)), Secret("points", None, "int64", (8,))
    vector = {"own": np.zeros(8, np.int64)}

    def begin(secrets: list[Secret], kept: dict[str, KeptShare]) -> None:
        asyncio.run(
            compute(
                network,
                CHEETAH,
                SUM_OF_VECTORS.name,
                NoParameters(),
                secrets,
                vector,
                kept,
                scratch=scratch,
                seconds=SECONDS,
            )
        )

    cases: tuple[tuple[list[Secret], dict[str, KeptShare]], ...] = (
        ([own, points], {}),
        ([own], {"points": KEPT}),
        ([own, points], {"points": KEPT.model_copy(update={"rank": 0})}),
    )
    for secrets, kept in cases:
        with pytest.raises(InputError) as caught:
            begin(secrets, kept)
        assert caught.value.code == "spu.kept"


@dataclass(frozen=True)
class Shared:
    """A model that stays shared among so many parties, and what they bring."""

    networks: Callable[..., list[Network]]
    scratch: Path
    parties: int
    model: Any

    @property
    def engine(self) -> Engine:
        return choose(self.parties)

    def together(self, task: Callable[[Network], Any]) -> list[Any]:
        async def gathered() -> list[Any]:
            return await asyncio.gather(*map(task, self.networks(self.parties)), return_exceptions=True)

        return asyncio.run(gathered())

    @cached_property
    def shares(self) -> list[bytes]:
        """Each party's of the model, which one of them knew."""
        secrets = [Secret(f"v{rank}", rank, "int64", self.model.shape) for rank in range(self.parties)]

        def kept(network: Network) -> Any:
            mine = {f"v{network.me}": self.model if network.me == 0 else np.zeros_like(self.model)}
            return compute(
                network,
                self.engine,
                SUM_OF_VECTORS.name,
                NoParameters(),
                secrets,
                mine,
                scratch=self.scratch,
                seconds=SECONDS,
            )

        return [share for (share,) in self.together(kept)]

    def scored(self, program: ScoreProgram, arrays: dict[str, tuple[int, Any]]) -> list[Any]:
        """What each party gets, or why not."""
        secrets = [Secret(name, rank, "int64", array.shape) for name, (rank, array) in arrays.items()]
        held = [
            KeptShare(engine=self.engine, rank=rank, dtype="int64", shape=program.kept, share=share)
            for rank, share in enumerate(self.shares)
        ]

        def task(network: Network) -> Any:
            return compute(
                network,
                self.engine,
                program.program,
                program,
                [*secrets, Secret(MODEL, None, "int64", program.kept)],
                {name: array for name, (rank, array) in arrays.items() if rank == network.me},
                {MODEL: held[network.me]},
                scratch=self.scratch,
                seconds=SECONDS,
            )

        return self.together(task)

    def opened(self, program: ScoreProgram, arrays: dict[str, tuple[int, Any]]) -> Any:
        shares = [share for (share,) in self.scored(program, arrays)]
        return asyncio.run(reconstruct(shares, self.engine, scratch=self.scratch, seconds=SECONDS))


@pytest.mark.slow
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("parties", [2, 3])
def test_rows_are_scored_by_points_that_stay_shares(
    networks: Callable[..., list[Network]], scratch: Path, parties: int
) -> None:
    """Points come out of one run and go into others; scores, bands, decisions and reasons are those in the clear, also
    of columns whose owner does not compute. Other points than were kept, or other cells, score nobody."""
    rng, bins = np.random.default_rng(parties), (2, 3, 2, 4, 2)[: parties + 2]
    scoring = ScorecardScore(bins=bins, output="score")
    points = rng.integers(-200, 200, scoring.wide)
    whole = kept_of(600, points, scoring.widths)
    codes = np.stack([rng.integers(0, one + 2, 20) for one in bins], axis=1)
    codes = np.concatenate([codes, probe_codes(scoring.widths)])
    cells = [one_hot(codes[:, place], wide) for place, wide in enumerate(scoring.widths)]
    clear = np.concatenate(cells, axis=1)
    brought = {f"cells-{rank}": (rank, cells[rank]) for rank in range(parties - 1)}
    if parties == 3:
        shared = cells[2]
        brought |= {FIRST_PARTS: (0, sharing_out.expanded(bytes(32), shared.shape))}
        brought |= {SECOND_PARTS: (1, sharing_out.rest(shared, bytes(32)))}
    brought |= {"cells-consumer": (parties - 1, np.concatenate(cells[parties - 1 + (parties == 3) :], axis=1))}

    town = Shared(networks, scratch, parties, whole)
    for asked in (
        {"output": "score"},
        {"output": "band", "edges": [550, 600, 670]},
        {"output": "score", "reasons": {"most": 4, "against": "neutral"}},
        {"output": "decision", "edges": [610], "reasons": {"most": 2}},
    ):
        program = ScorecardScore.model_validate({"bins": bins} | asked)
        expected = program.reference(clear[:20], whole[: 1 + program.wide])
        assert expected.shape == program.shape(20) and (town.opened(program, brought) == expected).all(), asked
    spoilt = cells[0].copy()
    spoilt[-1] = np.roll(spoilt[-1], 1)
    outcomes = town.scored(scoring, brought | {"cells-0": (0, spoilt)})
    assert [getattr(outcome, "code", outcome) for outcome in outcomes] == ["model.skew"] * parties
    assert list(scratch.iterdir()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("parties", [2, 3])
def test_rows_are_scored_by_coefficients_that_stay_shares(
    networks: Callable[..., list[Network]], scratch: Path, parties: int
) -> None:
    """Scores, decisions and reasons are those in the clear, to the last digit; numbers are of either sign."""
    rng, prepared = np.random.default_rng(parties), (2, 5, 1, 2)
    plain = LinearScore(prepared=prepared, output="score")
    model = kept_of(-3210 * UNIT, rng.integers(-4000, 4000, plain.wide), prepared, UNIT)
    town = Shared(networks, scratch, parties, model)
    for asked in (
        {"output": "score"},
        {"output": "score", "higher": 0, "reasons": {"most": 4, "against": "best"}, "behind": 7},
        {"output": "decision", "edges": [-15_500], "reasons": {"most": 2, "against": "neutral"}},
    ):
        program = LinearScore.model_validate({"prepared": prepared} | asked)
        rows, examples = (
            rng.integers(-4 * UNIT, 4 * UNIT + 1, (count, program.wide)) for count in (20, program.examples)
        )
        lines = np.concatenate([rows, UNIT * probe_cells(prepared), examples])
        parts = np.array_split(lines, parties, axis=1)
        brought = {f"columns-{rank}": (rank, part) for rank, part in enumerate(parts)}
        expected = program.reference(rows, model[: program.numbers], examples if program.examples else None)
        assert (town.opened(program, brought) == expected).all(), asked


@pytest.mark.slow
@pytest.mark.usefixtures("engine")
def test_rows_are_scored_by_trees_that_stay_shares(networks: Callable[..., list[Network]], scratch: Path) -> None:
    """Scores and bands are those in the clear; a cell that goes the other way scores nobody."""
    rng, shape = np.random.default_rng(4), {"bins": (2, 3, 4), "trees": 3, "depth": 3}
    plain = TreesScore.model_validate(shape | {"output": "score"})
    yes = np.zeros((plain.trees * plain.nodes, plain.wide), np.int64)
    for node in yes:
        node[4:9] = rng.integers(0, 2, 5)
    weights = 1024 * rng.integers(-512, 512, plain.trees * plain.leaves)
    model = plain.kept_of(np.concatenate([[2**17], yes.reshape(-1), weights]))
    codes = np.stack([rng.integers(0, wide, 20) for wide in plain.widths], axis=1)
    cells = np.concatenate([one_hot(codes[:, place], wide) for place, wide in enumerate(plain.widths)], axis=1)
    parts = np.array_split(np.concatenate([cells, probe_cells(plain.widths)]), 3, axis=1)
    brought = {f"columns-{rank}": (rank, part) for rank, part in enumerate(parts)}
    town = Shared(networks, scratch, 3, model)
    for asked in ({"output": "score"}, {"output": "band", "edges": [-500, 0, 500], "higher": 0}):
        program = TreesScore.model_validate(shape | asked)
        expected = program.reference(cells, model[: program.numbers])
        assert (town.opened(program, brought) == expected).all(), asked
    spoilt = model.copy()
    spoilt[1 + plain.wide * 5 + 4] = 1 - spoilt[1 + plain.wide * 5 + 4]
    outcomes = Shared(networks, scratch, 3, spoilt).scored(plain, brought)
    assert [getattr(outcome, "code", outcome) for outcome in outcomes] == ["model.skew"] * 3
