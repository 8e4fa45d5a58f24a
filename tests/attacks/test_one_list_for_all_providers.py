"""A consumer that shows providers different lists, or answers them by different scalars, to read single values.

A provider fills places with its values, and the consumer gets the sum. Who brings a customer to one place at one
provider and to another place at the next reads each one's value. Against the protocol as it was before (`OldProvider`,
written here), it does; against this one it is refused, and by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.attacks.liars import notebook, over, rogue

from follow import TIMES, ended_everywhere, events, settled_once, until
from live import PROVIDERS, LiveConsortium
from placet.chain.events import JobSealed
from placet.core.errors import ProtocolError
from placet.core.hashing import sha256
from placet.core.values import from_hex
from placet.protocols.local import LocalNetwork
from placet.protocols.psi import place
from placet.protocols.psi.hidden_rows import HiddenRows
from placet.protocols.psi.ristretto import Blinding, hash_to_group, subtract, total

CONTEXT = b"job 1, attempt 1"
PEOPLE = [b"ana", b"bo", b"cy"]
BALANCES = {"bank": [100, 20, 3], "fund": [4_000, 500, 60], "north": [7, 8, 9]}
Answer = Callable[[list[bytes]], list[bytes]]


def points(payload: bytes) -> list[bytes]:
    return [payload[start : start + 32] for start in range(0, len(payload), 32)]


def hashed(people: Sequence[bytes]) -> list[bytes]:
    return [hash_to_group(who, CONTEXT) for who in people]


def strangers(count: int) -> list[bytes]:
    """What no provider's row hashes to."""
    return hashed([f"nobody {number}".encode() for number in range(count)])


async def tell(network: LocalNetwork, provider: str, listed: list[bytes], answer: Answer) -> None:
    """A consumer that says what it likes."""
    shop = network.channel("shop")
    await shop.send(provider, "psi.list", b"".join(listed))
    rows = points(await shop.receive(provider, "psi.rows", limit=10_000))
    await shop.send(provider, "psi.doubled", b"".join(answer(rows)))


async def old_place(network: LocalNetwork, name: str) -> tuple[int | None, ...]:
    """A provider before there was one list: a scalar for all its rows, no look at others' lists, none at answers."""
    channel, key = network.channel(name), Blinding()
    await channel.send("shop", "psi.rows", b"".join(key(point) for point in hashed(PEOPLE)))
    listed = points(await channel.receive("shop", "psi.list", limit=10_000))
    place_of = {key(point): place for place, point in enumerate(listed)}
    return tuple(place_of.get(one) for one in points(await channel.receive("shop", "psi.doubled", limit=10_000)))


async def new_place(network: LocalNetwork, name: str, others: Sequence[str]) -> tuple[int | None, ...]:
    placement = await place(network.channel(name), "shop", others, PEOPLE, context=CONTEXT, max_positions=50)
    return placement.positions


def sums(places: dict[str, tuple[int | None, ...]], length: int) -> list[int]:
    """What the consumer gets: each provider's balances at their places, added up."""
    totals = [0] * length
    for name, positions in places.items():
        for position, balance in zip(positions, BALANCES[name], strict=True):
            if position is not None:
                totals[position] += balance
    return totals


def by(key: Blinding) -> Answer:
    return lambda rows: [key(row) for row in rows]


@dataclass
class Plot:
    """What a consumer tells each provider: its list, without a key, under which key, and its answers."""

    lists: dict[str, list[bytes]]
    key: Blinding
    answers: dict[str, Answer]
    network: LocalNetwork = field(default_factory=lambda: LocalNetwork(("shop", *BALANCES)))

    def old(self) -> list[int]:
        async def run() -> list[Any]:
            sides = [old_place(self.network, name) for name in self.lists]
            lies = [tell(self.network, name, self.lists[name], self.answers[name]) for name in self.lists]
            return await asyncio.gather(*sides, *lies)

        places = asyncio.run(run())
        return sums(dict(zip(self.lists, places, strict=False)), len(next(iter(self.lists.values()))))

    def new(self, accomplice: str | None = None) -> dict[str, Any]:
        """Each honest provider's places, or why it refused."""
        honest = [name for name in self.lists if name != accomplice]

        async def confirm(name: str) -> None:
            """An accomplice tells each other provider the digest that this one has."""
            for other in honest:
                digest = sha256(self.key.public(), *self.lists[other])
                await self.network.channel(name).send(other, "psi.agreed", digest)

        async def run() -> list[Any]:
            sides = [new_place(self.network, name, [one for one in self.lists if one != name]) for name in honest]
            lies = [
                tell(self.network, name, [self.key.public(), *self.lists[name]], self.answers[name]) for name in honest
            ]
            if accomplice is not None:
                lies.append(confirm(accomplice))
            async with asyncio.timeout(60):
                return await asyncio.gather(*sides, *lies, return_exceptions=True)

        return dict(zip(honest, asyncio.run(run()), strict=False))


def two_orders(*providers: str) -> Plot:
    """Every provider has the customers in places of its own, and nobody at the others'."""
    key, count = Blinding(), len(PEOPLE)
    lists = {}
    for number, name in enumerate(providers):
        listed = [key(point) for point in strangers(count * len(providers))]
        listed[count * number : count * (number + 1)] = [key(point) for point in hashed(PEOPLE)]
        lists[name] = listed
    return Plot(lists, key, dict.fromkeys(providers, by(key)))


def two_scalars() -> Plot:
    """One list for both, with every customer under two scalars; each provider is answered by its own."""
    first, second = Blinding(), Blinding()
    listed = [key(point) for key in (first, second) for point in hashed(PEOPLE)]
    return Plot({"bank": listed, "fund": listed}, first, {"bank": by(first), "fund": by(second)})


def one_left_out() -> Plot:
    """One list for both, but what one provider gets back matches nothing, so that the other's values are the sum."""
    key = Blinding()
    listed = [key(point) for point in [*hashed(PEOPLE), *strangers(3)]]
    return Plot({"bank": listed, "fund": listed}, key, {"bank": by(key), "fund": by(Blinding())})


@pytest.mark.parametrize("plot", [lambda: two_orders("bank", "fund"), two_scalars])
def test_single_values_were_read_before(plot: Callable[[], Plot]) -> None:
    assert plot().old() == [*BALANCES["bank"], *BALANCES["fund"]]


def test_one_providers_values_were_read_alone_before() -> None:
    assert one_left_out().old() == [*BALANCES["bank"], 0, 0, 0]


def test_two_orders_are_refused_by_all_providers() -> None:
    for name, outcome in two_orders("bank", "fund").new().items():
        assert isinstance(outcome, ProtocolError) and outcome.code == "psi.list", name
        assert outcome.message.startswith("shop sent another list")


@pytest.mark.parametrize("plot", [two_scalars, one_left_out])
def test_two_scalars_are_refused_by_who_is_answered_by_the_second(plot: Callable[[], Plot]) -> None:
    outcomes = plot().new()
    assert outcomes["bank"] == (0, 1, 2)
    assert outcomes["fund"].code == "psi.scalar" and outcomes["fund"].message.startswith("shop ")


def test_an_accomplice_among_the_providers_does_not_help() -> None:
    """It tells each of two honest ones that it has the same list; they ask each other, too."""
    outcomes = two_orders("bank", "fund", "north").new(accomplice="north")
    assert {name: outcome.code for name, outcome in outcomes.items()} == dict.fromkeys(("bank", "fund"), "psi.list")


def test_a_customer_under_another_scalar_stands_nowhere() -> None:
    """A list may hold anything: what is not under its own scalar matches nothing, at all providers."""
    key, other = Blinding(), Blinding()
    listed = [other(point) for point in hashed(PEOPLE)] + [key(point) for point in hashed(PEOPLE[1:])]
    plot = Plot({"bank": listed, "fund": listed}, key, dict.fromkeys(("bank", "fund"), by(key)))
    assert plot.new() == {"bank": (None, 3, 4), "fund": (None, 3, 4)}


def test_a_customer_twice_under_the_lists_scalar_is_refused() -> None:
    key = Blinding()
    listed = [key(point) for point in hashed([*PEOPLE, PEOPLE[0]])]
    plot = Plot({"bank": listed, "fund": listed}, key, dict.fromkeys(("bank", "fund"), by(key)))
    assert all("sent a point twice" in outcome.message for outcome in plot.new().values())


@pytest.mark.slow  # by default they are refused in one process, and tests/audit/test_lists.py names who signed them
def test_a_consumers_node_that_shows_two_orders_gets_no_result_and_is_named(consortium: LiveConsortium) -> None:
    with rogue(consortium, "consumer", "two-orders"), settled_once(consortium) as jobs:
        jobs.append(consortium.made.begin(consortium.made.request(**TIMES)))
        for who in PROVIDERS:
            until(lambda who=who: "'psi.list'" in str(notebook(consortium, who).moments(from_hex(jobs[0]))))
        over(consortium, jobs[0], "deadline")
        assert ended_everywhere(consortium, jobs[0]) == "aborted"
    assert not [e for e in events(consortium, jobs[0]) if isinstance(e, JobSealed)]
    answer = consortium.audited(jobs[0])
    assert (answer["verdict"], answer["named"]) == ("tampered", ["Family Office"])


# ------------------------------------------------------------------ answers that are not all of the list's scalar

KEY, EVIL, LIFT = Blinding(), Blinding(), Blinding()
"""The scalar of the list, another one, and the distance by which an attack shifts a point."""
ROWS = hashed(PEOPLE)
GAP = LIFT(hash_to_group(b"any point", CONTEXT))


def shift(answers: list[bytes], gaps: dict[int, bytes]) -> list[bytes]:
    return [total([answer, gaps[i]]) if i in gaps else answer for i, answer in enumerate(answers)]


def minus(point: bytes) -> bytes:
    return subtract(bytes(32), point)


LIES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "another scalar throughout": by(EVIL),
    "another scalar for all rows, the right one for the last point": lambda s: [*map(EVIL, s[:-1]), KEY(s[-1])],
    "another scalar for the last point": lambda s: [*map(KEY, s[:-1]), EVIL(s[-1])],
    "one row of another scalar": lambda s: [EVIL(s[0]), *map(KEY, s[1:])],
    "two rows in each other's place": lambda s: [KEY(s[i]) for i in (1, 0, 2, 3)],
    "two wrong rows that add up": lambda s: shift([*map(KEY, s)], {0: GAP, 1: minus(GAP)}),
    "a wrong row and a last point that makes up for it": lambda s: shift([*map(KEY, s)], {0: GAP, 3: GAP}),
    "one row lifted, its person known": lambda s: shift([*map(KEY, s)], {0: LIFT(s[0]), 3: LIFT(ROWS[0])}),
    "all rows lifted, all people known": lambda s: shift(
        [*map(KEY, s)], {**{i: LIFT(s[i]) for i in range(3)}, 3: LIFT(total(ROWS))}
    ),
    "two rows lifted against each other, both people known": lambda s: shift(
        [*map(KEY, s)], {0: LIFT(s[0]), 1: minus(LIFT(s[1]))}
    ),
}


async def outcome_of(answer: Answer, form: Any = HiddenRows) -> list[bytes]:
    hidden = await form.of(ROWS)
    multiples: list[bytes] = await hidden.answered(KEY.public(), answer(hidden.shown), "shop")
    return multiples


def test_honest_answers_are_taken() -> None:
    assert asyncio.run(outcome_of(by(KEY))) == [KEY(point) for point in ROWS]


@pytest.mark.parametrize("lie", LIES)
def test_answers_that_are_not_all_of_the_lists_scalar_are_refused(lie: str) -> None:
    with pytest.raises(ProtocolError, match=r"^shop multiplied rows by another scalar") as caught:
        asyncio.run(outcome_of(LIES[lie]))
    assert caught.value.code == "psi.scalar"


class OneScalarForAllRows(HiddenRows):
    """What would be cheaper still: one scalar for all of a provider's rows, and the same sum."""

    @classmethod
    async def of(cls, points: Sequence[bytes], *_: Any) -> OneScalarForAllRows:
        key, sum_key, mask = Blinding(), Blinding(), Blinding()
        check = total([mask.public(), sum_key(total(points))])
        return cls([*map(key, points), check], Blinding.inverses([key] * len(points)), sum_key, mask)


@pytest.mark.parametrize("lie", ["two rows in each other's place", "two wrong rows that add up"])
def test_one_scalar_for_all_rows_would_not_do(lie: str) -> None:
    """There such answers are taken, so rows change places: each row needs a scalar of its own."""
    assert asyncio.run(outcome_of(LIES[lie], OneScalarForAllRows)) != [KEY(point) for point in ROWS]


@dataclass
class WithoutMask:
    """What would be simpler: the last point is G and all rows together, under one scalar."""

    shown: list[bytes]
    undo: list[Blinding]

    @classmethod
    async def of(cls, points: Sequence[bytes]) -> WithoutMask:
        keys = [Blinding() for _ in range(len(points) + 1)]
        generator = Blinding(lambda count: (1).to_bytes(count, "little")).public()
        hidden = [key(point) for key, point in zip(keys, [*points, total([generator, *points])], strict=True)]
        return cls(hidden, Blinding.inverses(keys))

    async def answered(self, key: bytes, answers: list[bytes], sender: str) -> list[bytes]:
        *rows, check = [undo(answer) for undo, answer in zip(self.undo, answers, strict=True)]
        if check != total([key, *rows]):
            raise ProtocolError("refused", code="psi.scalar")
        return rows


async def key_with_a_person_in_it(form: Any) -> list[bytes]:
    """The consumer's key has a multiple of a row's point in it; that row's answer has as much less."""
    hidden = await form.of(ROWS)
    key = total([KEY.public(), LIFT(ROWS[0])])
    answers = shift([KEY(point) for point in hidden.shown], {0: minus(LIFT(hidden.shown[0]))})
    rows: list[bytes] = await hidden.answered(key, answers, "shop")
    return rows


def test_a_key_with_a_person_in_it_is_refused_and_would_not_be_without_the_mask() -> None:
    assert asyncio.run(key_with_a_person_in_it(WithoutMask))[0] != KEY(ROWS[0])
    with pytest.raises(ProtocolError, match="another scalar"):
        asyncio.run(key_with_a_person_in_it(HiddenRows))


def test_answers_of_another_attempt_are_refused() -> None:
    """The same people, and the very same scalar of a consumer that did not draw it anew."""

    async def replay() -> None:
        first, second = await HiddenRows.of(ROWS), await HiddenRows.of(ROWS)
        answers = by(KEY)(first.shown)
        assert await first.answered(KEY.public(), answers, "shop")
        await second.answered(KEY.public(), answers, "shop")

    with pytest.raises(ProtocolError, match="another scalar"):
        asyncio.run(replay())
