"""A link that stays for one program after the other, between real processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from placet.core.errors import InputError, PlacetError, StateError
from placet.models.probes import probe_cells
from placet.protocols.mpc.scoring import ScorecardScore, kept_of
from placet.protocols.spu import EngineSession, KeptShare, Network, Secret, choose, reconstruct
from placet.protocols.spu.programs import SUM_OF_VECTORS, NoParameters
from placet.protocols.spu.scoring import MODEL

SECONDS = 240.0
PROGRAM = ScorecardScore(bins=(2, 2), output="score")
Networks = Callable[..., list[Network]]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("engine")]


async def opened(
    networks: Sequence[Network], scratch: Path, turns: int = 8, seconds: float = SECONDS
) -> list[EngineSession]:
    engine = choose(len(networks))
    return await asyncio.gather(
        *(
            EngineSession.open(one, engine, turns=turns, seconds=seconds, within=SECONDS, scratch=scratch)
            for one in networks
        )
    )


async def summed(sessions: Sequence[EngineSession], values: Sequence[int], *contexts: bytes) -> list[bytes]:
    """Each party brings one number; each one's share of their sum."""
    secrets = [Secret(f"v-{rank}", rank, "int64", (1,)) for rank in range(len(sessions))]
    answers = await asyncio.gather(
        *(
            session.compute(
                contexts[rank % len(contexts)],
                SUM_OF_VECTORS.name,
                NoParameters(),
                secrets,
                {f"v-{rank}": np.array([values[rank]])},
                seconds=SECONDS,
            )
            for rank, session in enumerate(sessions)
        ),
        return_exceptions=True,
    )
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer[0] for answer in answers if not isinstance(answer, BaseException)]


async def closed(sessions: Sequence[EngineSession]) -> None:
    await asyncio.gather(*(session.close() for session in sessions))


def test_turn_after_turn_with_fresh_shares(networks: Networks, scratch: Path) -> None:
    """Equal secrets in two turns have different shares; nothing of a turn is left in the folder, nor after the end."""

    async def run() -> None:
        sessions = await opened(networks(2), scratch, turns=3)
        assert len({session.id for session in sessions}) == 1
        shares = [await summed(sessions, (5, 7), b"job-%d" % turn) for turn in range(2)]
        for both in shares:
            assert (await reconstruct(both, choose(2), scratch=scratch, seconds=SECONDS)).tolist() == [12]
        assert shares[0][0] != shares[1][0] and shares[0][1] != shares[1][1]
        left = {file.name for folder in scratch.iterdir() for file in folder.iterdir()}
        assert not any(name.startswith(("array_", "share_", "kept_")) or name == "tls.key" for name in left), left
        assert [session.turn for session in sessions] == [2, 2]
        await summed(sessions, (1, 1), b"the last")
        assert not any(session.usable for session in sessions)
        with pytest.raises(StateError):
            await summed(sessions, (1, 1), b"one too many")
        await closed(sessions)
        assert list(scratch.iterdir()) == []

    asyncio.run(run())


@pytest.mark.parametrize("parties", [2, 3])
def test_points_that_were_kept_score_rows_in_turn(networks: Networks, scratch: Path, parties: int) -> None:
    engine, points = choose(parties), np.array([600, -50, 0, 20, 70, 1, 2, 3, 4])
    applicants = np.eye(8, dtype=np.int64)[:3]
    model = kept_of(600, points[1:], PROGRAM.widths)
    cells = np.concatenate([applicants, probe_cells(PROGRAM.widths)])

    async def run() -> None:
        sessions = await opened(networks(parties), scratch)
        dealt = await asyncio.gather(
            *(
                session.compute(
                    b"deal",
                    SUM_OF_VECTORS.name,
                    NoParameters(),
                    [Secret("points", 0, "int64", model.shape)],
                    {} if rank else {"points": model},
                    seconds=SECONDS,
                )
                for rank, session in enumerate(sessions)
            )
        )
        widths = [4, 4, 0][:parties]
        secrets = [Secret(f"cells-{n}", n, "int64", (len(cells), wide)) for n, wide in enumerate(widths) if wide]
        secrets.append(Secret(MODEL, None, "int64", model.shape))
        for turn in range(2):
            shares = await asyncio.gather(
                *(
                    session.compute(
                        b"score-%d" % turn,
                        PROGRAM.program,
                        PROGRAM,
                        secrets,
                        {f"cells-{rank}": cells[:, 4 * rank : 4 * rank + 4]} if widths[rank] else {},
                        {
                            MODEL: KeptShare(
                                engine=engine, rank=rank, dtype="int64", shape=model.shape, share=dealt[rank][0]
                            )
                        },
                        seconds=SECONDS,
                    )
                    for rank, session in enumerate(sessions)
                )
            )
            scores = await reconstruct([one for (one,) in shares], engine, scratch=scratch, seconds=SECONDS)
            assert scores.tolist() == PROGRAM.reference(applicants, points).tolist()
            assert not [*scratch.rglob("array_*"), *scratch.rglob("kept_*"), *scratch.rglob("share_*")]
        await closed(sessions)

    asyncio.run(run())


def test_parties_of_different_jobs_do_not_compute_together(networks: Networks, scratch: Path) -> None:
    async def run() -> None:
        sessions = await opened(networks(2), scratch)
        with pytest.raises(PlacetError) as caught:
            await summed(sessions, (5, 7), b"job one", b"job two")
        assert caught.value.code in ("spu.turn", "spu.lost")
        assert not any(session.usable for session in sessions)
        await closed(sessions)
        assert list(scratch.iterdir()) == []

    asyncio.run(run())


def test_a_party_whose_engine_was_killed_ends_the_others_session(networks: Networks, scratch: Path) -> None:
    async def run() -> None:
        sessions = await opened(networks(2), scratch)
        os.kill(sessions[1]._process._process.pid, 9)
        with pytest.raises(PlacetError):
            await summed(sessions, (5, 7), b"job")
        assert not any(session.usable for session in sessions)
        await closed(sessions)
        assert list(scratch.iterdir()) == []

    asyncio.run(run())


def test_its_time_ends_the_process(networks: Networks, scratch: Path) -> None:
    """Also where its node does nothing: no session outlives its time by more than the process's own grace."""

    async def run() -> None:
        sessions = await opened(networks(2), scratch, seconds=20.0)
        async with asyncio.timeout(120):
            while any(session._process.alive for session in sessions):
                await asyncio.sleep(0.2)
        assert not any(session.usable for session in sessions)
        await closed(sessions)

    asyncio.run(run())


def test_what_is_not_announced_never_reaches_the_process(networks: Networks, scratch: Path) -> None:
    async def run() -> None:
        sessions = await opened(networks(2), scratch)
        with pytest.raises(InputError):
            await sessions[0].compute(
                b"job", SUM_OF_VECTORS.name, NoParameters(), [Secret("v", 0, "int64", (1,))], {}, seconds=SECONDS
            )
        assert sessions[0].usable
        await summed(sessions, (5, 7), b"job")
        await closed(sessions)

    asyncio.run(run())
