"""Shares that stay with the parties, from one program to the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placet.core.errors import InputError
from placet.models.binning import one_hot
from placet.models.probes import probe_codes
from placet.protocols.mpc.scoring import ScorecardScore, kept_of
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


@pytest.mark.slow
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("parties", [2, 3])
def test_rows_are_scored_by_points_that_stay_shares(
    networks: Callable[..., list[Network]], scratch: Path, parties: int
) -> None:
    """Points come out of one run and go into others; scores, bands, decisions and reasons are those in the clear, also
    of columns whose owner does not compute. Other points than were kept, or other cells, score nobody."""
    rng, engine, bins = np.random.default_rng(parties), choose(parties), (2, 3, 2, 4, 2)[: parties + 2]
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

    async def together(task: Callable[[Network], Any]) -> list[Any]:
        return await asyncio.gather(*map(task, networks(parties)), return_exceptions=True)

    def kept(network: Network) -> Any:
        mine = {f"v{network.me}": whole if network.me == 0 else np.zeros_like(whole)}
        secrets = [Secret(f"v{rank}", rank, "int64", whole.shape) for rank in range(parties)]
        return compute(
            network, engine, SUM_OF_VECTORS.name, NoParameters(), secrets, mine, scratch=scratch, seconds=SECONDS
        )

    shares = [share for (share,) in asyncio.run(together(kept))]

    def scored(network: Network, scoring: ScorecardScore, arrays: dict[str, tuple[int, Any]]) -> Any:
        secrets = [Secret(name, rank, "int64", array.shape) for name, (rank, array) in arrays.items()]
        held = KeptShare(engine=engine, rank=network.me, dtype="int64", shape=scoring.kept, share=shares[network.me])
        return compute(
            network,
            engine,
            scoring.program,
            scoring,
            [*secrets, Secret(MODEL, None, "int64", scoring.kept)],
            {name: array for name, (rank, array) in arrays.items() if rank == network.me},
            {MODEL: held},
            scratch=scratch,
            seconds=SECONDS,
        )

    for asked in (
        {"output": "score"},
        {"output": "band", "edges": [550, 600, 670]},
        {"output": "score", "reasons": {"most": 4, "against": "neutral"}},
        {"output": "decision", "edges": [610], "reasons": {"most": 2}},
    ):
        program = ScorecardScore.model_validate({"bins": bins} | asked)
        outcomes = asyncio.run(together(lambda network, program=program: scored(network, program, brought)))
        opening = reconstruct([share for (share,) in outcomes], engine, scratch=scratch, seconds=SECONDS)
        expected = program.reference(clear[:20], whole[: 1 + program.wide])
        assert expected.shape == program.shape(20) and (asyncio.run(opening) == expected).all(), asked
    spoilt = cells[0].copy()
    spoilt[-1] = np.roll(spoilt[-1], 1)
    outcomes = asyncio.run(together(lambda network: scored(network, scoring, brought | {"cells-0": (0, spoilt)})))
    assert [getattr(outcome, "code", outcome) for outcome in outcomes] == ["model.skew"] * parties
    assert list(scratch.iterdir()) == []
