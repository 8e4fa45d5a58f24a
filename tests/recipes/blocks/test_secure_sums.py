"""Secure sums of a job: exact at every party, of words as narrow as totals are, and ended where parties were told
different things."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from placet.core.errors import ConsentError, InputError, ProtocolError
from placet.core.sum_messages import PARTS, REVEALED, SHARES, UPLOAD
from placet.jobs.randomness import stream
from placet.protocols.mpc import shamir
from placet.recipes.blocks.secure_sums import SecureSums

NUMBERS = {0: [5, -7, 2**40, 0], 1: [-9, 7, -3, 0], 2: [2**41, -1, 1, -(2**41)]}
TOTALS = [5 - 9 + 2**41, -1, 2**40 - 2, -(2**41)]
Wires = dict[tuple[int, int, str], "asyncio.Queue[bytes]"]


class Parties:
    """Three parties of an attempt. `lie`: what (sender, receiver, tag, payload) delivers; `withdrawn`: at whom."""

    def __init__(
        self, lie: Callable[[int, int, str, bytes], bytes] | None = None, withdrawn: int | None = None
    ) -> None:
        self.lie, self.withdrawn = lie or (lambda sender, receiver, tag, payload: payload), withdrawn
        self.queues: Wires = defaultdict(asyncio.Queue)
        self.crossed: list[tuple[int, int, str, bytes]] = []
        self.steps: dict[int, list[dict[str, Any]]] = defaultdict(list)

    def job(self, party: int) -> Any:
        @asynccontextmanager
        async def step(name: str, protocol: str, *inputs: Any, parameters: dict[str, Any]) -> AsyncIterator[Any]:
            made: dict[str, bytes] = {}

            def output(name: str, content: bytes) -> bytes:
                made[name] = content
                return content

            yield SimpleNamespace(send=send, receive=receive, output=output)
            self.steps[party].append({"name": name, "inputs": inputs, "parameters": parameters, "made": made})

        @contextmanager
        def working(words: str) -> Iterator[None]:
            yield

        async def send(to: str, tag: str, payload: bytes) -> None:
            receiver = int(to.removeprefix("party-"))
            payload = self.lie(party, receiver, tag, payload)
            self.crossed.append((party, receiver, tag, payload))
            await self.queues[party, receiver, tag].put(payload)

        async def receive(sender: str, tag: str, *, limit: int) -> bytes:
            return await self.queues[int(sender.removeprefix("party-")), party, tag].get()

        async def demand_consented() -> None:
            if party == self.withdrawn:
                raise ConsentError("a consent has ended", code="consent.withdrawn")

        def entropy(*labels: bytes) -> Any:
            return stream(bytes([party]) * 32, *labels)

        return SimpleNamespace(
            party=party, plan=SimpleNamespace(parties=range(3)), attempt=0, record=SimpleNamespace(job=bytes(32)),
            step=step, working=working, demand_consented=demand_consented, entropy=entropy,
        )  # fmt: skip

    def sums(
        self,
        rounds: int = 1,
        most: int = 2**44,
        weights: list[list[int]] | None = None,
        numbers: dict[int, list[int]] = NUMBERS,
    ) -> list[Any]:
        """Each party's totals of its last round (or parts of it, with `weights`), or its error."""

        async def member(party: int) -> Any:
            sums = SecureSums(self.job(party), b"rows", keeps=weights is not None)  # type: ignore[arg-type]
            totals: list[int] = []
            for _ in range(rounds):
                totals = await sums.add("numbers", numbers[party], most)
            return totals if weights is None else (sums.coin("numbers")(9), await sums.parts("numbers", weights))

        async def run() -> list[Any]:
            return await asyncio.wait_for(asyncio.gather(*map(member, range(3)), return_exceptions=True), 60)

        return asyncio.run(run())


@pytest.mark.parametrize("most", [2**41 + 5, 2**47, 2**62])
def test_all_parties_come_to_the_totals(most: int) -> None:
    parties = Parties()
    assert parties.sums(2, most) == [TOTALS] * 3
    size = (most.bit_length() + 8) // 8
    for party, steps in parties.steps.items():
        assert [step["name"] for step in steps] == ["sum-0", "sum-1"]
        assert steps[1]["inputs"] == (steps[0]["made"]["total"],) and steps[0]["inputs"] == (b"rows",)
        assert steps[0]["parameters"] == {"round": 0, "sums": "numbers", "words": 4, "members": 3, "bytes": size}
        uploads = [one[3] for one in parties.crossed if one[0] == party and one[2] == UPLOAD]
        assert {len(one) for one in uploads} == {4 * size} and len(set(uploads)) == 2  # each round is masked anew


def test_a_share_goes_to_nobody_but_whom_it_is_for() -> None:
    parties = Parties()
    parties.sums()
    shares = [payload for *_, tag, payload in parties.crossed if tag == SHARES]
    assert len(set(shares)) == 6
    revealed = b"".join(payload for *_, tag, payload in parties.crossed if tag == REVEALED)
    for share in shares:
        key, seed = share[: shamir.SHARE], share[shamir.SHARE :]
        assert key not in revealed and seed in revealed  # seeds of who uploaded, and nobody's key


def test_who_is_shown_another_upload_ends_the_sum_at_every_party() -> None:
    def lie(sender: int, receiver: int, tag: str, payload: bytes) -> bytes:
        return bytes(len(payload)) if (sender, receiver, tag) == (0, 2, UPLOAD) else payload

    outcomes = Parties(lie).sums()
    assert all(isinstance(one, ProtocolError) and one.code == "peer.told" for one in outcomes)


def test_parties_that_came_to_different_totals_open_no_other_sum() -> None:
    """One reveals another share of a seed to one party: that party's total has a mask left, and none of the next does
    without one. Any total may be: words are as wide as it."""
    lies = 0

    def lie(sender: int, receiver: int, tag: str, payload: bytes) -> bytes:
        nonlocal lies
        if (sender, receiver, tag) != (0, 2, REVEALED) or lies:
            return payload
        lies += 1
        return payload[:-1] + bytes([payload[-1] ^ 1])

    parties = Parties(lie)
    outcomes = parties.sums(2, 2**47 - 1)
    first = [steps[0]["made"]["total"] for steps in parties.steps.values()]
    assert lies == 1 and first[0] == first[1] != first[2]
    assert all(isinstance(one, list) and not set(one) & set(TOTALS) for one in outcomes)


@pytest.mark.parametrize("tag", [SHARES, UPLOAD])
def test_parts_of_another_size_are_refused(tag: str) -> None:
    def lie(sender: int, receiver: int, sent: str, payload: bytes) -> bytes:
        return payload[:-1] if (sender, receiver, sent) == (1, 0, tag) else payload

    async def first() -> None:
        parties = Parties(lie)
        members = [
            asyncio.create_task(SecureSums(parties.job(n), b"").add("numbers", NUMBERS[n], 2**44)) for n in range(3)
        ]  # type: ignore[arg-type]
        with pytest.raises(ProtocolError, match="another part"):
            await asyncio.wait_for(members[0], 60)
        for one in members:
            one.cancel()
        await asyncio.gather(*members, return_exceptions=True)

    asyncio.run(first())


def test_a_consent_that_has_ended_ends_the_round_before_anything_is_sent() -> None:
    async def run() -> None:
        parties = Parties(withdrawn=1)
        with pytest.raises(ConsentError):
            await SecureSums(parties.job(1), b"").add("numbers", NUMBERS[1], 2**44)  # type: ignore[arg-type]
        assert parties.crossed == []

    asyncio.run(run())


def test_numbers_that_no_total_can_have_are_not_sent_and_not_taken() -> None:
    async def own() -> None:
        parties = Parties()
        with pytest.raises(InputError):
            await SecureSums(parties.job(0), b"").add("numbers", [5, 9], 8)  # type: ignore[arg-type]
        assert parties.crossed == []

    asyncio.run(own())
    outcomes = Parties().sums(most=8, numbers={0: [7], 1: [7], 2: [0]})
    assert all(isinstance(one, ProtocolError) and one.code == "sums.impossible" for one in outcomes)


def test_parts_are_of_each_partys_own_numbers_and_nothing_else_crosses() -> None:
    parties = Parties()
    outcomes = parties.sums(most=2**47, weights=[[1, 0], [2, -3, 1, 0]])
    coins, parts = zip(*outcomes, strict=True)
    assert len(set(coins)) == 1
    assert parts[0] == parts[1] == parts[2]
    assert parts[0] == [[own[0], 2 * own[0] - 3 * own[1] + own[2]] for own in NUMBERS.values()]
    sent = [payload for sender, _, tag, payload in parties.crossed if (sender, tag) == (0, PARTS)]
    assert len(sent) == 2 and {len(one) for one in sent} == {2 * 2 * 8}
    step = parties.steps[0][-1]
    assert step["name"] == "sum-1" and step["parameters"] == {"round": 1, "parts": "numbers", "weights": 2}


def test_a_party_that_would_rather_have_added_something_else_is_contradicted() -> None:
    def lie(sender: int, receiver: int, tag: str, payload: bytes) -> bytes:
        return payload[:-1] + bytes([payload[-1] ^ 1]) if (sender, tag) == (1, PARTS) else payload

    honest, _, other = Parties(lie).sums(weights=[[1]])
    for one in (honest, other):
        assert isinstance(one, ProtocolError) and one.code == "sums.disputed" and one.found == "parties 1 and 2"
