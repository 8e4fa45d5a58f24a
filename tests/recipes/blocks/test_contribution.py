"""How the metrics of coalitions are opened: all parties come to the same numbers, or the job ends."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from placet.core.errors import InputError, ProtocolError
from placet.core.hashing import canonical
from placet.protocols.spu import evaluate
from placet.recipes.blocks import contribution
from placet.recipes.joint_scorecard.run import JOINT_SCORECARD

MEMBERS = (0, 1, 3)
SHARES = {0: [400_000, -5], 1: [100_000, 600_000], 3: [200_000, 5]}
"""They add up to AUCs; party 2 does not compute."""


class Wires:
    """Between four parties. `lies`: what a sender delivers instead, by (sender, receiver, tag)."""

    def __init__(self, lies: dict[tuple[int, int, str], bytes]) -> None:
        self.lies = lies
        self.queues: dict[tuple[int, int, str], asyncio.Queue[bytes]] = defaultdict(asyncio.Queue)

    def job(self, party: int) -> Any:
        @asynccontextmanager
        async def step(name: str, protocol: str, *inputs: Any) -> AsyncIterator[Any]:
            yield SimpleNamespace(send=send, receive=receive, output=lambda name, content: content)

        @contextmanager
        def working(words: str) -> Iterator[None]:
            yield

        async def send(to: str, tag: str, payload: bytes) -> None:
            key = (party, int(to.removeprefix("party-")), tag)
            await self.queues[key].put(self.lies.get(key, payload))

        async def receive(sender: str, tag: str, *, limit: int) -> bytes:
            payload = await self.queues[int(sender.removeprefix("party-")), party, tag].get()
            assert len(payload) <= limit
            return payload

        ports = SimpleNamespace(scratch=None)
        return SimpleNamespace(
            party=party, peers=[one for one in range(4) if one != party], step=step, working=working, seconds_left=60,
            context=SimpleNamespace(engine_ports=ports),
        )  # fmt: skip


async def added(shape: Any, engine: Any, shares: Any, **_: Any) -> list[int]:
    """As if shares were numbers that add up."""
    numbers = [json.loads(share) for share in shares]
    if any(len(one) != shape[0] for one in numbers):
        raise InputError("the shares are of another result")
    return [sum(column) for column in zip(*numbers, strict=True)]


def outcomes(monkeypatch: pytest.MonkeyPatch, lies: dict[tuple[int, int, str], bytes]) -> list[Any]:
    """What each party comes to: its metrics, or the code with which its job ends."""
    monkeypatch.setattr(evaluate, "combine_array", added)

    async def party(wires: Wires, number: int) -> Any:
        share = canonical(SHARES.get(number, []))
        engine: Any = None
        try:
            metrics, artefact = await contribution.opened(wires.job(number), MEMBERS, engine, share, 2, engine)
        except ProtocolError as error:
            return error.code
        assert artefact == canonical(metrics)
        return metrics

    async def everybody() -> list[Any]:
        wires = Wires(lies)
        async with asyncio.timeout(60):
            return await asyncio.gather(*(party(wires, number) for number in range(4)))

    return asyncio.run(everybody())


def test_all_parties_learn_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcomes(monkeypatch, {}) == [[700_000, 600_000]] * 4


def test_who_gives_two_parties_different_shares_ends_the_job_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    lies = {(1, 3, contribution.SHARE): canonical([150_000, 600_000])}
    assert outcomes(monkeypatch, lies) == [contribution.METRICS] * 4


@pytest.mark.parametrize("receiver", [0, 2, 3])
@pytest.mark.parametrize("told", [b"[700001,600000]", b"[700000]", b"{}", b"x"])
def test_who_tells_a_party_other_metrics_ends_the_job_there(
    monkeypatch: pytest.MonkeyPatch, receiver: int, told: bytes
) -> None:
    found = outcomes(monkeypatch, {(1, receiver, contribution.METRICS): told})
    assert [number for number, one in enumerate(found) if one == contribution.METRICS] == [receiver]
    assert JOINT_SCORECARD.final(contribution.METRICS)


@pytest.mark.parametrize("told", [b"[]", b"{}", b"[1,true]", b"[0.5,1]", b"\xff", b"[1,2,3]", b"[" * 900])
def test_what_all_tell_is_whole_numbers(told: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        contribution.agreed([told] * 3, 2)
    assert caught.value.code == contribution.METRICS


def test_a_share_of_something_else_ends_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: Any, **__: Any) -> list[int]:
        raise InputError("the shares are of another result")

    wires = Wires({})
    for sender in (1, 3):
        wires.queues[sender, 0, contribution.SHARE].put_nowait(b"no share")
    monkeypatch.setattr(evaluate, "combine_array", refused)
    with pytest.raises(ProtocolError) as caught:
        engine: Any = None
        asyncio.run(contribution.opened(wires.job(0), MEMBERS, engine, b"share", 2, engine))
    assert caught.value.code == contribution.SHARE and JOINT_SCORECARD.final(caught.value.code)
