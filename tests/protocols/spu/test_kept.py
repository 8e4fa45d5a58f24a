"""Shares that stay with the parties, from one program to the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placet.core.errors import InputError
from placet.protocols.mpc.scoring import ScorecardScore
from placet.protocols.spu import Engine, KeptShare, Network, Secret, choose, compute, reconstruct
from placet.protocols.spu.programs import SUM_OF_VECTORS, NoParameters
from placet.protocols.spu.scoring import POINTS
from placet.protocols.spu.shares import ShareBytes, encode

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


@pytest.mark.slow
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("parties", [2, 3])
def test_rows_are_scored_by_points_that_stay_shares(
    networks: Callable[..., list[Network]], scratch: Path, parties: int
) -> None:
    """Points come out of one run and go into others; scores, bands and decisions are those in the clear."""
    rng, engine, bins = np.random.default_rng(parties), choose(parties), (2, 3, 2)[:parties]
    program = ScorecardScore(bins=bins, output="score")
    points = rng.integers(-200, 200, 1 + program.cells)
    drawn = [rng.integers(0, one + 2, 20) for one in bins]
    cells = [(codes[:, None] == np.arange(one + 2)).astype(np.int64) for codes, one in zip(drawn, bins, strict=True)]

    async def together(task: Callable[[Network], Any]) -> list[bytes]:
        return [share for (share,) in await asyncio.gather(*map(task, networks(parties)))]

    def kept(network: Network) -> Any:
        mine = {f"v{network.me}": points if network.me == 0 else np.zeros_like(points)}
        secrets = [Secret(f"v{rank}", rank, "int64", points.shape) for rank in range(parties)]
        return compute(
            network, engine, SUM_OF_VECTORS.name, NoParameters(), secrets, mine, scratch=scratch, seconds=SECONDS
        )

    shares = asyncio.run(together(kept))
    for scoring in (
        program,
        ScorecardScore(bins=bins, output="band", edges=(-50, 0, 70)),
        ScorecardScore(bins=bins, output="decision", edges=(10,)),
    ):

        def scored(network: Network, scoring: ScorecardScore = scoring) -> Any:
            secrets = [Secret(f"cells-{rank}", rank, "int64", cells[rank].shape) for rank in range(parties)]
            held = KeptShare(
                engine=engine, rank=network.me, dtype="int64", shape=points.shape, share=shares[network.me]
            )
            return compute(
                network,
                engine,
                scoring.program,
                scoring,
                [*secrets, Secret(POINTS, None, "int64", points.shape)],
                {f"cells-{network.me}": cells[network.me]},
                {POINTS: held},
                scratch=scratch,
                seconds=SECONDS,
            )

        result = asyncio.run(reconstruct(asyncio.run(together(scored)), engine, scratch=scratch, seconds=SECONDS))
        assert (result == scoring.reference(np.concatenate(cells, axis=1), points)).all()
