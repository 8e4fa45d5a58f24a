"""SecureBoost on Paillier: the trees of its plaintext twin, what travels, and what either side refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import numpy as np
import pytest

from placet.core.errors import InputError, ProtocolError
from placet.core.framing import header
from placet.core.hashing import document_bytes
from placet.core.values import parse
from placet.models.boosting import MAX_CURVATURE, MAX_GRADIENT, Boosting, HostCut, Own
from placet.models.boosting_twin import PlainHost, train
from placet.models.cuts import Choice, CodedColumn, candidates, cell_sums, sides_of
from placet.models.trees import UNIT, TreeCut, TreeFork, Whole
from placet.protocols.local import LocalNetwork
from placet.protocols.order import secret_permutation

for package in ("gmpy2", "phe"):
    pytest.importorskip(package, reason=f"no {package} here: pip install 'placet[paillier]'")

from placet.protocols.boost import HolderState, Host, LabelHolder  # noqa: E402
from placet.protocols.boost.ciphers import OKAMOTO_UCHIYAMA, PAILLIER, Cipher  # noqa: E402
from placet.protocols.boost.messages import (  # noqa: E402
    CUTS,
    GRADIENTS,
    KEY,
    NODES,
    SHAPE,
    SIDES,
    STANDING,
    SUMS,
    At,
    read_cuts,
    read_nodes,
    read_shape,
    rows_bytes,
    write_cuts,
    write_nodes,
    write_shape,
)
from placet.protocols.boost.packing import Packing  # noqa: E402

Together = Callable[..., list[Any]]
ROWS, TRAIN = 60, 48


def table(seed: int, rows: int = ROWS) -> tuple[CodedColumn, ...]:
    """Numbers with some missing, and a category with a rare value."""
    chance = np.random.default_rng(seed)
    numbers = chance.integers(0, 4, rows)
    numbers[chance.random(rows) < 0.15] = 5
    words = chance.integers(0, 4, rows)
    words[:2] = 5
    return (
        CodedColumn(numbers, 6, True),
        CodedColumn(words, 6, False),
        CodedColumn(chance.integers(0, 3, rows), 5, True),
    )


def labels_of(*tables: Sequence[CodedColumn]) -> Whole:
    odds = sum((columns[0].codes % 5 + 2 * (columns[1].codes % 2) for columns in tables), start=np.zeros(ROWS))
    noise = np.random.default_rng(5).random(ROWS)
    return (odds / odds.max() + noise > 1.0).astype(np.int64)[:TRAIN]


async def grown(holder: LabelHolder, hosts: Sequence[Host], network: LocalNetwork, trees: int) -> None:
    names = network.names
    await asyncio.gather(
        holder.start(network.channel(names[0])),
        *(host.start(network.channel(name)) for name, host in zip(names[1:], hosts, strict=True)),
    )
    for number in range(trees):
        works: list[Coroutine[Any, Any, Any]] = [holder.grow(network.channel(names[0]))]
        if number:
            works += [host.grow(network.channel(name)) for name, host in zip(names[1:], hosts, strict=True)]
        await asyncio.gather(*works)


KEYS = {PAILLIER: "paillier_key", OKAMOTO_UCHIYAMA: "okamoto_key"}
ciphers = pytest.mark.parametrize("cipher", KEYS, ids=lambda cipher: cipher.name)


@ciphers
@pytest.mark.parametrize("blind", [False, True], ids=["open", "blind"])
@pytest.mark.parametrize(
    ("hosts", "boosting"),
    [(1, Boosting(3, 3, 4)), (2, Boosting(3, 3, 2)), (1, Boosting(4, 1, 15)), (1, Boosting(2, 4, 1, rate=100))],
    ids=["one host", "two hosts", "stumps", "leaves of one row"],
)
def test_the_trees_are_those_of_the_twin(
    hosts: int,
    boosting: Boosting,
    blind: bool,
    cipher: Cipher,
    request: pytest.FixtureRequest,
    seeded: Callable[[str], Any],
    together: Together,
) -> None:
    key = request.getfixturevalue(KEYS[cipher])
    names = ("holder", *(f"host-{number}" for number in range(hosts)))
    tables = [table(number) for number in range(hosts + 1)]
    labels = labels_of(*tables)

    def shuffle(name: str) -> Callable[[int], Sequence[int]]:
        entropy = seeded(name)
        return lambda count: secret_permutation(count, entropy)

    twins = [PlainHost(columns, shuffle(name)) for name, columns in zip(names[1:], tables[1:], strict=True)]
    twin, margins = train(Own(tables[0]), twins, labels, ROWS, boosting, blind=blind)
    network = LocalNetwork(names)
    holder = LabelHolder(names[1:], key, Own(tables[0]), labels, ROWS, boosting, blind=blind)
    others = [
        Host("holder", columns, TRAIN, boosting, cipher=cipher, blind=blind, order=seeded(name))
        for name, columns in zip(names[1:], tables[1:], strict=True)
    ]
    together(grown(holder, others, network, boosting.trees))
    assert holder.model == twin
    assert [host.cuts for host in others] == [one.cuts for one in twins]
    assert np.array_equal(holder.margins, margins)
    assert {node.party for tree in twin.trees for node in tree if isinstance(node, TreeFork)} == {*range(hosts + 1)}
    assert not [queue for queue in network.queues.values() if not queue.empty()]


def test_nothing_travels_for_the_first_tree(paillier_key: Any, together: Together) -> None:
    network = LocalNetwork(("holder", "host"))
    columns = table(0)
    holder = LabelHolder(("host",), paillier_key, Own(columns), labels_of(columns), ROWS, Boosting(1, 3, 4))
    together(grown(holder, [Host("holder", table(1), TRAIN, holder.boosting)], network, 1))
    assert [tag for _, _, tag, _ in network.sent] == [STANDING, KEY]


class Interrupted:
    """Boosting of a holder and a host in the same orders each time, and what both had kept after each tree."""

    boosting = Boosting(4, 1, 4)

    def __init__(self, key: Any, together: Together) -> None:
        self.key, self.together = key, together
        self.states: list[tuple[HolderState, tuple[list[TreeCut], list[int]]]] = []
        self.whole = self.grown(0)

    def grown(self, standing: int, holder_trees: int | None = None, host_trees: int | None = None) -> LabelHolder:
        """All trees, from those that stand by what each has of the states."""
        tables, network = (table(0), table(1)), LocalNetwork(("holder", "host"))
        holder = LabelHolder(("host",), self.key, Own(tables[0]), labels_of(*tables), ROWS, self.boosting)
        host = Host("holder", tables[1], TRAIN, self.boosting, order=bytes)
        if holder_trees is not None:
            holder.resume(parse(HolderState, document_bytes(self.states[holder_trees - 1][0])))
        if host_trees is not None:
            host.cuts, host.counts = (list(kept) for kept in self.states[host_trees - 1][1])

        async def run() -> None:
            at, there = network.channel("holder"), network.channel("host")
            assert (await asyncio.gather(holder.start(at), host.start(there)))[0] == standing
            assert standing == len(holder.trees) == len(host.counts)
            while len(holder.trees) < self.boosting.trees:
                works: list[Coroutine[Any, Any, Any]] = [holder.grow(at)]
                await asyncio.gather(*works, *([host.grow(there)] if holder.trees else []))
                self.states.append((holder.state(), (list(host.cuts), list(host.counts))))

        self.together(run())
        return holder


@pytest.fixture(scope="module")
def interrupted(paillier_key: Any, together: Together) -> Interrupted:
    return Interrupted(paillier_key, together)


@pytest.mark.parametrize(
    ("holder_trees", "host_trees", "standing"),
    [(3, 3, 3), (3, 2, 2), (2, 3, 2), (3, 4, 3), (3, None, 0), (None, 3, 0), (4, 2, 0)],
)
def test_after_a_kill_at_most_one_tree_is_grown_again(
    holder_trees: int | None, host_trees: int | None, standing: int, interrupted: Interrupted
) -> None:
    """From the states that each had kept, with the same orders, they grow the trees that nothing had interrupted."""
    again, whole = interrupted.grown(standing, holder_trees, host_trees), interrupted.whole
    assert again.model == whole.model
    assert again.own.cuts == whole.own.cuts
    assert np.array_equal(again.margins, whole.margins)


# Packing.


@pytest.mark.parametrize("rows", [1, 2, 21_000, 32_768, 100_000])
@pytest.mark.parametrize("bits", [618, 2047, 3071])
def test_sums_never_run_over(rows: int, bits: int) -> None:
    """All rows at their largest, or their least, in each of the places: what comes out is what went in."""
    packing = Packing(rows, bits)
    assert packing.each * packing.width <= bits
    extremes = [(MAX_GRADIENT, MAX_CURVATURE), (-MAX_GRADIENT, 0), (MAX_GRADIENT, 0), (-MAX_GRADIENT, MAX_CURVATURE)]
    for start in range(len(extremes)):
        shown = [extremes[(start + place) % len(extremes)] for place in range(packing.each)]
        residue = sum(rows * packing.encode(*one) << packing.width * place for place, one in enumerate(shown))
        assert residue < 1 << bits
        counts = np.full(packing.each, rows)
        decoded = packing.decode([residue], counts, sender="host")
        assert decoded.tolist() == [[rows, rows * gradient, rows * curvature] for gradient, curvature in shown]


@pytest.mark.parametrize("short", [1, 3])
def test_sums_of_more_rows_than_told_are_refused(short: int) -> None:
    packing = Packing(100, 2047)
    residue = 10 * packing.encode(MAX_GRADIENT, MAX_CURVATURE)
    assert packing.decode([residue], np.array([10]), sender="host")[0].tolist() == [10, 10 * UNIT, 10 * UNIT // 4]
    for counts in (np.array([10 - short]), np.array([0])):
        with pytest.raises(ProtocolError) as caught:
            packing.decode([residue], counts, sender="host")
        assert caught.value.code == "boost.sums"
    with pytest.raises(ProtocolError):
        packing.decode([residue << packing.width], np.array([10]), sender="host")


# Messages.


def test_messages_come_back_as_they_were() -> None:
    at = At(3, 2)
    shape = read_shape(At(3, 0).read(At(3, 0).write(write_shape(candidates(table(1), TRAIN, range).shape)), SHAPE, "a"))
    assert shape == candidates(table(1), TRAIN, range).shape
    parents = [np.array([0, 2, 59]), None, np.array([1])]
    nodes = read_nodes(at.read(at.write(write_nodes(parents, ROWS)), NODES, "a"), 3, ROWS)
    assert [None if one is None else np.flatnonzero(one).tolist() for one in nodes] == [[0, 2, 59], None, [1]]
    cuts = [HostCut(0, 3, Choice(7)), HostCut(0, 1, Choice(0, (2, 5)))]
    assert read_cuts(at.read(at.write(write_cuts(cuts)), CUTS, "a"), 0) == cuts


@pytest.mark.parametrize("place", [At(2, 1), At(1, 2), At(0, 0)])
def test_a_message_of_another_tree_or_level(place: At) -> None:
    with pytest.raises(ProtocolError, match="of another tree or level") as caught:
        At(1, 1).read(place.write(b""), NODES, "a")
    assert caught.value.code == "boost.order"


@pytest.mark.parametrize(
    "bad",
    [b"", b"\x01", b"\x01" + bytes(7), b"\x01" + bytes(9), b"\x02" + bytes(8), b"\x01" + b"\xff" * 8, bytes(2)],
)
def test_nodes_of_another_form(bad: bytes) -> None:
    at = At(1, 1)
    with pytest.raises(ProtocolError) as caught:
        read_nodes(at.read(at.write(bad), NODES, "a"), 1, ROWS)
    assert caught.value.code == "boost.message"


# A label holder that deviates, as the host sees it.


class Liar:
    """A label holder that says what the test tells it to, to a real host with these columns."""

    def __init__(self, key: Any, boosting: Boosting, standing: int = 0) -> None:
        self.columns, self.standing = table(1), standing
        self.network = LocalNetwork(("holder", "host"))
        self.key, self.boosting = key, boosting
        self.host = Host("holder", self.columns, TRAIN, boosting, order=bytes)
        self.channel = self.network.channel("holder")
        self.packing = Packing(TRAIN, key.public.plaintext_bits)
        self.arranged = candidates(self.columns, TRAIN, range)

    async def begin(self) -> None:
        await self.channel.send("host", KEY, header(self.standing) + self.key.public.to_bytes())
        await self.host.start(self.network.channel("host"))

    async def gradients(self, at: At | None = None, count: int = TRAIN) -> None:
        public = self.key.public
        one = public.encrypt(self.packing.encode(5, 3))
        await self.channel.send("host", GRADIENTS, (at or At(1, 0)).write(public.pack([one] * count)))

    async def nodes(self, level: int, parents: Sequence[Whole | None] = ()) -> None:
        await self.channel.send("host", NODES, At(1, level).write(write_nodes(parents, ROWS)))

    async def cuts(self, level: int, *cuts: HostCut) -> None:
        await self.channel.send("host", CUTS, At(1, level).write(write_cuts(cuts)))

    def refused(self, together: Together, *works: Coroutine[Any, Any, None]) -> str:
        """The host's refusal, after the holder's messages were sent in this order."""

        async def run() -> None:
            await self.begin()
            for work in works:
                await work
            await self.host.grow(self.network.channel("host"))

        with pytest.raises(ProtocolError) as caught:
            together(run())
        return caught.value.code


BOOSTING = Boosting(2, 3, 4)


def test_nodes_of_few_rows_are_refused(paillier_key: Any, together: Together) -> None:
    """However many rows that are not of training are in them."""
    for rows in (np.arange(3), np.arange(45, ROWS), np.arange(3, ROWS), np.array([], dtype=np.int64)):
        liar = Liar(paillier_key, BOOSTING)
        works = (liar.gradients(), liar.nodes(0), liar.cuts(0), liar.nodes(1, [rows]))
        assert liar.refused(together, *works) == "boost.few"


def test_nodes_that_are_none_of_the_tree_are_refused(paillier_key: Any, together: Together) -> None:
    """Sums over any other rows would tell, by their differences, of single ones."""
    first = np.arange(20)
    for parents in ([np.arange(10, 25), None], [None, np.arange(10)]):
        liar = Liar(paillier_key, BOOSTING)
        start = (liar.gradients(), liar.nodes(0), liar.cuts(0), liar.nodes(1, [first]), liar.cuts(1))
        assert liar.refused(together, *start, liar.nodes(2, parents)) == "boost.nodes"


def test_a_cut_is_made_as_it_was_told(paillier_key: Any, together: Together) -> None:
    liar = Liar(paillier_key, BOOSTING)
    yes = np.flatnonzero(sides_of(liar.columns, liar.arranged.cut(Choice(2))))
    works = (liar.gradients(), liar.nodes(0), liar.cuts(0, HostCut(0, 0, Choice(2))), liar.nodes(1, [yes[1:]]))
    assert liar.refused(together, *works) == "boost.nodes"


@pytest.mark.parametrize(
    ("cuts", "code"),
    [
        ([HostCut(0, 0, Choice(500))], "boost.choice"),
        ([HostCut(0, 0, Choice(1, (0,)))], "boost.choice"),
        ([HostCut(0, 0, Choice(0, (0, 0)))], "boost.choice"),
        ([HostCut(0, 1, Choice(0))], "boost.nodes"),
        ([HostCut(0, 0, Choice(0)), HostCut(0, 0, Choice(1))], "boost.nodes"),
        ([HostCut(0, 0, Choice(0, (4,)))], "boost.few"),
        ([HostCut(0, 99, Choice(0))], "boost.message"),
    ],
)
def test_cuts_that_were_not_offered(cuts: list[HostCut], code: str, paillier_key: Any, together: Together) -> None:
    liar = Liar(paillier_key, BOOSTING)
    assert liar.arranged.shape.categories == (5,)
    assert liar.refused(together, liar.gradients(), liar.nodes(0), liar.cuts(0, *cuts)) == code


def test_nobody_goes_on_from_trees_that_do_not_stand(paillier_key: Any, together: Together) -> None:
    liar = Liar(paillier_key, BOOSTING, standing=1)
    assert liar.refused(together) == "boost.message"


def test_gradients_of_another_number_or_tree(paillier_key: Any, together: Together) -> None:
    for works, code in (
        (lambda liar: [liar.gradients(count=TRAIN - 1)], "protocol"),
        (lambda liar: [liar.gradients(count=TRAIN + 1)], "protocol"),
        (lambda liar: [liar.gradients(At(2, 0))], "boost.order"),
        (lambda liar: [liar.gradients(), liar.nodes(1)], "boost.order"),
        (lambda liar: [liar.gradients(), liar.nodes(0, [None])], "protocol"),
    ):
        liar = Liar(paillier_key, BOOSTING)
        assert liar.refused(together, *works(liar)) == code


def test_a_host_tells_of_no_fewer_rows_than_the_smallest(paillier_key: Any, together: Together) -> None:
    """The rare cell of the category, and cuts behind which few rows lie, are zero in count and sum."""
    liar = Liar(paillier_key, Boosting(2, 1, 8))

    async def run() -> bytes:
        await liar.begin()
        for work in (liar.gradients(), liar.nodes(0), liar.cuts(0)):
            await work
        await liar.host.grow(liar.network.channel("host"))
        return await liar.channel.receive("host", SUMS, limit=1 << 20)

    (payload,) = together(run())
    shape = liar.arranged.shape
    counts = np.frombuffer(payload[8 : 8 + 4 * shape.places], dtype=">u4").astype(np.int64)
    real = liar.arranged.places(cell_sums(liar.columns, np.arange(TRAIN), ()))[:, 0]
    hidden = (real > 0) & (counts == 0)
    assert hidden.any()
    assert (real[hidden] < 8).sum() + ((TRAIN - real)[hidden] < 8).sum() >= hidden.sum()
    assert sorted(counts[counts > 0]) == sorted(real[~hidden & (real > 0)]) and min(counts[counts > 0]) >= 8
    ciphertexts = liar.key.public.unpack(
        payload[8 + 4 * shape.places :], liar.packing.ciphertexts(shape.places), sender="host"
    )
    sums = liar.packing.decode([liar.key.residue(one) for one in ciphertexts], counts, sender="host")
    assert sums[:, 1].tolist() == (5 * counts).tolist() and sums[:, 2].tolist() == (3 * counts).tolist()


def test_no_difference_of_a_parent_and_a_child_is_of_few_rows(paillier_key: Any, together: Together) -> None:
    """What is told of a node less what is told of its child is what the other child has: that one is hidden, and so are
    both; and what is hidden in a node stays so below it."""
    liar, few = Liar(paillier_key, Boosting(2, 3, 3)), 3
    first, second = np.arange(24), np.arange(12)

    async def run() -> list[bytes]:
        await liar.begin()
        for work in (liar.gradients(), *(liar.nodes(0), liar.cuts(0)), *(liar.nodes(1, [first]), liar.cuts(1))):
            await work
        await liar.nodes(2, [second, None])
        await liar.cuts(2)
        await liar.host.grow(liar.network.channel("host"))
        return [await liar.channel.receive("host", SUMS, limit=1 << 20) for _ in range(3)]

    (levels,) = together(run())
    shape, rest = liar.arranged.shape, np.arange(len(first), TRAIN)

    def counts(level: int, node: int) -> Whole:
        start = 8 + 4 * shape.places * node
        return np.frombuffer(levels[level][start : start + 4 * shape.places], dtype=">u4").astype(np.int64)

    def real(rows: Whole) -> Whole:
        return liar.arranged.places(cell_sums(liar.columns, rows, ()))[:, 0]

    def enough(left: Whole, rows: int) -> Any:
        right = np.where(np.arange(shape.places) < shape.cuts, rows - left, 0)
        return ((left == 0) | (left >= few)) & ((right == 0) | (right >= few))

    family = [(0, 0, np.arange(TRAIN)), (1, 0, first), (1, 1, rest), (2, 0, second), (2, 1, first[len(second) :])]
    for level, node, rows in family:
        own = counts(level, node)
        assert (own[own > 0] == real(rows)[own > 0]).all()
    for parent, one, other in ((0, 1, 2), (1, 3, 4)):
        above, rows = counts(*family[parent][:2]), [family[child][2] for child in (one, other)]
        for child, sibling in ((one, other), (other, one)):
            own, missing = counts(*family[child][:2]), family[sibling][2]
            told = (above > 0) & (own > 0)
            assert told.any() and enough(above - own, len(missing))[told].all()
        alone = [enough(real(part), len(part)) & (real(part) > 0) & (above > 0) for part in rows]
        assert (alone[0] != alone[1]).any(), "one child alone hides some place"
    hidden = (counts(1, 0) == 0) & (real(first) > 0)
    assert hidden.any() and not counts(2, 0)[hidden].any() and not counts(2, 1)[hidden].any()


# A host that deviates, as the label holder sees it.


def against(together: Together, key: Any, change: Callable[[str, bytes], bytes]) -> str:
    """The label holder's refusal of a host, each message of which is changed on its way."""

    class Changed(LocalNetwork):
        def channel(self, me: str) -> Any:
            real = super().channel(me)
            if me != "host":
                return real

            class Channel:
                me = "host"
                receive = real.receive

                async def send(self, to: str, tag: str, payload: bytes) -> None:
                    await real.send(to, tag, change(tag, payload))

            return Channel()

    tables = table(0), table(1)
    network = Changed(("holder", "host"))
    holder = LabelHolder(("host",), key, Own(tables[0]), labels_of(*tables), ROWS, Boosting(2, 3, 4))
    host = Host("holder", tables[1], TRAIN, holder.boosting, order=bytes)

    async def run() -> None:
        serving = asyncio.ensure_future(grown_host(host, network))
        try:
            await holder.start(network.channel("holder"))
            await holder.grow(network.channel("holder"))
            await holder.grow(network.channel("holder"))
        finally:
            serving.cancel()

    with pytest.raises(ProtocolError) as caught:
        together(run())
    return caught.value.code


async def grown_host(host: Host, network: LocalNetwork) -> None:
    await host.start(network.channel("host"))
    await host.grow(network.channel("host"))


def test_sides_that_are_not_those_of_the_sums_are_refused(paillier_key: Any, together: Together) -> None:
    """A host that tells other rows than it summed over is caught by the label holder's own numbers."""

    def flip(tag: str, payload: bytes) -> bytes:
        return payload if tag != SIDES else payload[:12] + bytes([payload[12] ^ 0x80]) + payload[13:]

    assert against(together, paillier_key, flip) == "boost.sums"


def test_counts_that_are_not_those_of_the_sums_are_refused(paillier_key: Any, together: Together) -> None:
    def fewer(tag: str, payload: bytes) -> bytes:
        return payload if tag != SUMS else payload[:8] + header(0) * 10 + payload[48:]

    assert against(together, paillier_key, fewer) == "boost.sums"


@pytest.mark.parametrize(
    ("tag", "change", "code"),
    [
        (STANDING, lambda payload: payload[:-1], "boost.message"),
        (STANDING, lambda payload: header(101), "boost.message"),
        (SHAPE, lambda payload: payload[:-1], "boost.message"),
        (SHAPE, lambda payload: payload + b"\x00", "boost.message"),
        (SHAPE, lambda payload: payload[:8] + header(1 << 20) + payload[12:], "boost.message"),
        (SHAPE, lambda payload: header(7) + payload[4:], "boost.order"),
        (SUMS, lambda payload: payload[:-1], "protocol"),
        (SUMS, lambda payload: payload + bytes(512), "protocol"),
        (SUMS, lambda payload: payload[:-512] + bytes(512), "protocol"),
        (SIDES, lambda payload: payload[:-1], "boost.message"),
        (SIDES, lambda payload: header(1) + header(2) + payload[8:], "boost.order"),
    ],
)
def test_what_a_host_may_not_send(
    tag: str, change: Callable[[bytes], bytes], code: str, paillier_key: Any, together: Together
) -> None:
    assert against(together, paillier_key, lambda t, p: change(p) if t == tag else p) == code


def test_parties_without_columns(paillier_key: Any) -> None:
    with pytest.raises(InputError):
        Host("holder", (), TRAIN, BOOSTING)
    with pytest.raises(InputError):
        LabelHolder(("host",), paillier_key, Own(()), labels_of(table(0)), ROWS, BOOSTING)
    assert rows_bytes(np.ones(9, np.bool_)) == b"\xff\x80"
