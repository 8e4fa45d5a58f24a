"""SecureBoost on Paillier: the trees of its plaintext twin, what travels, and what either side refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
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
from placet.models.disclosure import Disclosed, told_places
from placet.models.trees import UNIT, Marks, TreeCut, TreeFork, Whole
from placet.protocols.local import LocalNetwork
from placet.protocols.order import secret_permutation

for package in ("gmpy2", "phe"):
    pytest.importorskip(package, reason=f"no {package} here: pip install 'placet[paillier]'")

from placet.protocols.boost import HolderState, Host, LabelHolder  # noqa: E402
from placet.protocols.boost.ciphers import OKAMOTO_UCHIYAMA, PAILLIER, Cipher  # noqa: E402
from placet.protocols.boost.messages import (  # noqa: E402
    CUTS,
    GRADIENTS,
    HEADER,
    KEY,
    NODES,
    SHAPE,
    SIDES,
    STANDING,
    SUMS,
    At,
    BoostReader,
    read_choices,
    read_cuts,
    read_nodes,
    read_shape,
    rows_bytes,
    write_choices,
    write_cuts,
    write_nodes,
    write_shape,
)
from placet.protocols.boost.packing import Packing  # noqa: E402
from placet.protocols.mpc import okamoto  # noqa: E402
from placet.protocols.mpc.ciphertexts import Ciphertext  # noqa: E402

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
        CodedColumn(chance.integers(0, 3, rows), 5, True, "falling"),
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


@pytest.mark.parametrize(
    ("cipher", "blind"),
    [
        pytest.param(PAILLIER, False, id="paillier"),
        pytest.param(PAILLIER, True, id="paillier, blind", marks=pytest.mark.slow),
        pytest.param(OKAMOTO_UCHIYAMA, False, id="okamoto-uchiyama"),
        pytest.param(OKAMOTO_UCHIYAMA, True, id="okamoto-uchiyama, blind"),
    ],
)
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
    judged = slice(TRAIN, None)
    (sides,) = together(judge(holder, others, network, judged))
    for host, told in zip(others, sides, strict=True):
        assert all(
            np.array_equal(one, sides_of(host.columns, cut)[judged]) for one, cut in zip(told, host.cuts, strict=True)
        )
    assert not [queue for queue in network.queues.values() if not queue.empty()]
    others[0].columns = tuple(replace(column, codes=np.roll(column.codes, 1)) for column in others[0].columns)
    with pytest.raises(ProtocolError) as caught:
        together(judge(holder, others, network, judged))
    assert caught.value.code == "boost.sums", "of other rows than while the trees grew"


async def judge(holder: LabelHolder, hosts: Sequence[Host], network: LocalNetwork, rows: slice) -> list[list[Marks]]:
    for name, host in zip(network.names[1:], hosts, strict=True):
        await host.judge(network.channel(name), rows)
    return await holder.judge(network.channel(network.names[0]), rows)


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

EXTREMES = [(MAX_GRADIENT, MAX_CURVATURE), (-MAX_GRADIENT, 0), (MAX_GRADIENT, 0), (-MAX_GRADIENT, MAX_CURVATURE)]


@pytest.mark.parametrize("rows", [1, 2, 21_000, 32_768, 100_000])
@pytest.mark.parametrize("bits", [618, 2047, 3071])
@pytest.mark.parametrize("nodes", [1, 2, 8, 32])
@pytest.mark.parametrize("counted", [False, True])
def test_sums_never_run_over(rows: int, bits: int, nodes: int, counted: bool) -> None:
    """All rows at their largest, or their least, in each of the slots: what comes out is what went in."""
    packing = Packing(rows, bits, nodes, counted)
    assert packing.places * packing.shift <= bits and packing.layers * packing.slots >= nodes
    places = 2 * packing.places - 1 if packing.places > 1 else 3
    shown = [[EXTREMES[(node + place) % len(EXTREMES)] for place in range(places)] for node in range(nodes)]
    layers = [[0] * packing.ciphertexts(places) for _ in range(packing.layers)]
    for node, ones in enumerate(shown):
        layer, slot = divmod(node, packing.slots)
        for place, one in enumerate(ones):
            group, offset = divmod(place, packing.places)
            layers[layer][group] += rows * packing.encode(*one) << offset * packing.shift + slot * packing.width
    assert max(residue for layer in layers for residue in layer) < 1 << bits
    counts = None if counted else np.full((nodes, places), rows)
    decoded = packing.decode(layers, places, sender="host", counts=counts)
    assert decoded.tolist() == [[[rows, rows * g, rows * h] for g, h in ones] for ones in shown]


@pytest.mark.parametrize("short", [1, 3])
def test_sums_of_more_rows_than_told_are_refused(short: int) -> None:
    packing = Packing(100, 2047)
    residue = 10 * packing.encode(MAX_GRADIENT, MAX_CURVATURE)
    decoded = packing.decode([[residue]], 1, sender="host", counts=np.array([[10]]))
    assert decoded.tolist() == [[[10, 10 * UNIT, 10 * UNIT // 4]]]
    for counts in (np.array([[10 - short]]), np.array([[0]]), np.array([[101]])):
        with pytest.raises(ProtocolError) as caught:
            packing.decode([[residue]], 1, sender="host", counts=counts)
        assert caught.value.code == "boost.sums"


@pytest.mark.parametrize("nodes", [1, 3])
def test_nothing_stands_beside_the_sums(nodes: int) -> None:
    """Behind the last place, and in slots of no node."""
    packing = Packing(100, 618, nodes, counted=True)
    row = packing.encode(1, 1)
    assert packing.decode([[row]], 1, sender="host")[0, 0].tolist() == [1, 1, 1]
    for extra in (row << packing.shift, row << packing.places * packing.shift, 1 << 617):
        with pytest.raises(ProtocolError, match="its rows can't have"):
            packing.decode([[row | extra]], 1, sender="host")
    many = Packing(100, 618, 32, counted=True)
    layers = [[0]] * (many.layers - 1) + [[row << many.shift - many.width]]
    assert many.layers * many.slots > 32
    with pytest.raises(ProtocolError, match="its rows can't have"):
        many.decode(layers, 1, sender="host")


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
    choices = [cut.choice for cut in cuts]
    assert read_choices(at.read(at.write(write_choices(choices)), CUTS, "a")) == choices


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

    def __init__(
        self, key: Any, boosting: Boosting, standing: int = 0, *, cipher: Cipher | None = None, blind: bool = False
    ) -> None:
        self.columns, self.standing = table(1), standing
        self.network = LocalNetwork(("holder", "host"))
        self.key, self.boosting = key, boosting
        self.host = Host("holder", self.columns, TRAIN, boosting, cipher=cipher or PAILLIER, blind=blind, order=bytes)
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

    async def choices(self, level: int, *choices: Choice) -> None:
        await self.channel.send("host", CUTS, At(1, level).write(write_choices(choices)))

    def cell(self, place: int) -> int:
        """How many rows of training are in a cell of the category."""
        column, order = self.arranged.categories[0]
        return int((self.columns[column].codes[:TRAIN] == order[place]).sum())

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


@dataclass
class Heard:
    """What a host told of one node: of which places, how many rows, and what their sums hold."""

    told: Marks
    counts: Whole
    sums: Whole


def heard(liar: Liar, payload: bytes, nodes: int = 1) -> list[Heard]:
    reader, places, answers = BoostReader(payload[HEADER:], SUMS, "host"), liar.arranged.shape.places, []
    public = liar.key.public
    for _ in range(nodes):
        told = reader.rows(places)
        shown = int(told.sum())
        counts = np.frombuffer(reader.take(4 * shown), dtype=">u4").astype(np.int64)
        size = liar.packing.ciphertexts(shown)
        ciphertexts = public.unpack(reader.take(size * public.ciphertext_bytes), size, sender="host")
        residues = [liar.key.residue(one) for one in ciphertexts]
        answers.append(
            Heard(told, counts, liar.packing.decode([residues], shown, sender="host", counts=counts[None])[0])
        )
    reader.end()
    return answers


def test_a_host_tells_of_no_fewer_rows_than_the_smallest(paillier_key: Any, together: Together) -> None:
    """The rare cell of the category, and cuts near others or behind which few rows lie, are not told of: neither
    counts nor sums travel."""
    liar = Liar(paillier_key, Boosting(2, 1, 8))

    async def run() -> bytes:
        await liar.begin()
        for work in (liar.gradients(), liar.nodes(0), liar.cuts(0)):
            await work
        await liar.host.grow(liar.network.channel("host"))
        return await liar.channel.receive("host", SUMS, limit=1 << 20)

    (payload,) = together(run())
    (node,) = heard(liar, payload)
    cells = cell_sums(liar.columns, np.arange(TRAIN), ())
    real = liar.arranged.places(cells)[:, 0]
    wanted = told_places(liar.arranged, None, [[column[:, 0] for column in cells]], 8)
    assert np.array_equal(node.told, wanted) and 0 < wanted.sum() < len(wanted)
    assert (real[~wanted] < 8).any() and (node.counts >= 8).all()
    assert node.counts.tolist() == real[wanted].tolist()
    assert node.sums.tolist() == [[count, 5 * count, 3 * count] for count in node.counts.tolist()]


def test_of_two_children_the_smaller_is_told_of(paillier_key: Any, together: Together) -> None:
    """And of both the same places, which are some of those that were told of their parent."""
    liar = Liar(paillier_key, Boosting(2, 3, 3))
    first, second = np.arange(18), np.arange(10, 18)

    async def run() -> list[bytes]:
        await liar.begin()
        for work in (liar.gradients(), *(liar.nodes(0), liar.cuts(0)), *(liar.nodes(1, [first]), liar.cuts(1))):
            await work
        await liar.nodes(2, [second, None])
        await liar.cuts(2)
        await liar.host.grow(liar.network.channel("host"))
        return [await liar.channel.receive("host", SUMS, limit=1 << 20) for _ in range(3)]

    (levels,) = together(run())

    def counts(rows: Whole) -> list[Whole]:
        return [column[:, 0] for column in cell_sums(liar.columns, rows, ())]

    (root,), (above,), (below,) = (heard(liar, level) for level in levels)
    top = Disclosed(counts(np.arange(TRAIN)), root.told)
    middle = Disclosed(counts(first), above.told, top)
    assert np.array_equal(above.told, told_places(liar.arranged, top, [counts(first), counts(rest(first))], 3))
    assert np.array_equal(below.told, told_places(liar.arranged, middle, [counts(second), counts(first[:10])], 3))
    for node, rows in ((above, first), (below, second)):
        assert node.counts.tolist() == liar.arranged.places([c[:, None] for c in counts(rows)])[node.told, 0].tolist()
    assert root.told.sum() > above.told.sum() > below.told.sum() > 0


def rest(rows: Whole) -> Whole:
    return np.setdiff1d(np.arange(TRAIN), rows)


# Blind nodes.


class Watched(LocalNetwork):
    """Between a label holder and one host: what the host is sent, in order."""

    def messages(self) -> list[tuple[str, bytes]]:
        return [(tag, payload) for sender, _, tag, payload in self.sent if sender == "holder"]


def watched(key: Any, together: Together, cipher: Cipher, blind: bool, seeded: Callable[[str], Any]) -> Watched:
    tables, network = (table(0), table(1)), Watched(("holder", "host"))
    boosting = Boosting(3, 3, 3)
    holder = LabelHolder(("host",), key, Own(tables[0]), labels_of(*tables), ROWS, boosting, blind=blind)
    host = Host("holder", tables[1], TRAIN, boosting, cipher=cipher, blind=blind, order=seeded("host"))
    together(grown(holder, [host], network, boosting.trees))
    return network


def test_a_blind_host_is_told_of_no_row_where_it_is(
    okamoto_key: Any, together: Together, seeded: Callable[[str], Any]
) -> None:
    """It is sent a key, at each level as many ciphertexts as there are rows, all different, and places among its
    candidates. Only who has the key sees that each row stands in one slot or none."""
    network = watched(okamoto_key, together, OKAMOTO_UCHIYAMA, True, seeded)
    messages = network.messages()
    assert {tag for tag, _ in messages} == {KEY, GRADIENTS, CUTS}
    bodies = [payload[HEADER:] for tag, payload in messages if tag == GRADIENTS]
    public, slotted = okamoto_key.public, set()
    for body in bodies:
        assert len(body) == TRAIN * public.ciphertext_bytes
        ciphertexts = public.unpack(body, TRAIN, sender="holder")
        assert len({one.value for one in ciphertexts}) == TRAIN
        packing = Packing(TRAIN, public.plaintext_bits, 2, counted=True)
        numbers = [okamoto_key.residue(one) for one in ciphertexts]
        slotted.add(tuple(sorted({-1 if not n else (n.bit_length() - 1) // packing.width for n in numbers})))
    assert (0,) in slotted and (-1, 0) in slotted
    opened = watched(okamoto_key, together, OKAMOTO_UCHIYAMA, False, seeded)
    assert NODES in {tag for tag, _ in opened.messages()}


def test_many_nodes_take_several_plaintexts_a_row(
    okamoto_key: Any, together: Together, seeded: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a level has more nodes than slots; the trees are the same."""
    with_one = watched(okamoto_key, together, OKAMOTO_UCHIYAMA, True, seeded)
    monkeypatch.setattr(okamoto, "PLAINTEXT_BITS", 70)
    assert Packing(TRAIN, okamoto_key.public.plaintext_bits, 2, counted=True).layers == 2
    with_two = watched(okamoto_key, together, OKAMOTO_UCHIYAMA, True, seeded)
    cuts = [[payload for tag, payload in one.messages() if tag == CUTS] for one in (with_one, with_two)]
    assert cuts[0] == cuts[1] and max(map(len, cuts[0])) > HEADER + 4
    gradients = [sum(tag == GRADIENTS for tag, _ in one.messages()) for one in (with_one, with_two)]
    assert gradients[1] > gradients[0]


def test_a_blind_host_refuses_cuts_of_few_rows_and_too_many(okamoto_key: Any, together: Together) -> None:
    liar = Liar(okamoto_key, Boosting(2, 3, 4), cipher=OKAMOTO_UCHIYAMA, blind=True)
    rare = [place for place in range(5) if liar.cell(place) < 4]
    for choices, code in (
        ([Choice(0), Choice(1)], "boost.nodes"),
        ([Choice(500)], "boost.choice"),
        ([Choice(0, (place,)) for place in rare[:1]], "boost.few"),
    ):
        liar = Liar(okamoto_key, Boosting(2, 3, 4), cipher=OKAMOTO_UCHIYAMA, blind=True)
        assert liar.refused(together, liar.gradients(), liar.choices(0, *choices)) == code
    liar = Liar(okamoto_key, Boosting(2, 3, 4), cipher=OKAMOTO_UCHIYAMA, blind=True)
    first = (liar.gradients(), liar.choices(0), liar.gradients(At(1, 1)))
    assert liar.refused(together, *first, liar.choices(1, Choice(1), Choice(1))) == "boost.nodes"
    liar = Liar(okamoto_key, Boosting(2, 3, 4), cipher=OKAMOTO_UCHIYAMA, blind=True)
    assert liar.refused(together, liar.gradients(count=0)) == "protocol"


# What was decrypted does not go back.


@ciphers
@pytest.mark.parametrize("blind", [False, True], ids=["open", "blind"])
def test_a_host_is_told_of_what_was_decrypted_only_which_cuts_are_made(
    blind: bool, cipher: Cipher, request: pytest.FixtureRequest, together: Together, seeded: Callable[[str], Any]
) -> None:
    """Two hosts of other columns, with other sums, at whose columns nothing is ever cut, are sent the same."""
    key = request.getfixturevalue(KEYS[cipher])
    seen = []
    for column in (np.tile([0, 1], ROWS // 2), np.tile([0, 0, 1], ROWS // 3)):
        own, network = table(0), Watched(("holder", "host"))
        boosting = Boosting(2, 2, 3)
        noise = (CodedColumn(column, 4, True),)
        holder = LabelHolder(("host",), key, Own(own), (own[0].codes % 2)[:TRAIN], ROWS, boosting, blind=blind)
        host = Host("holder", noise, TRAIN, boosting, cipher=cipher, blind=blind, order=seeded("host"))
        together(grown(holder, [host], network, boosting.trees))
        assert not host.cuts
        seen.append([(tag, payload if tag != GRADIENTS else len(payload)) for tag, payload in network.messages()])
    assert seen[0] == seen[1]


def test_what_no_host_can_refuse(paillier_key: Any, together: Together) -> None:
    """Documented, not prevented: powers of two in place of gradients name the rows that a sum is over, however many
    they are. Who follows the protocol is told of gradients alone."""
    liar = Liar(paillier_key, Boosting(2, 1, 8))
    names = [liar.key.public.encrypt(1 << row) for row in range(TRAIN)]

    async def run() -> bytes:
        await liar.begin()
        await liar.channel.send("host", GRADIENTS, At(1, 0).write(liar.key.public.pack(names)))
        for work in (liar.nodes(0), liar.cuts(0)):
            await work
        await liar.host.grow(liar.network.channel("host"))
        return await liar.channel.receive("host", SUMS, limit=1 << 20)

    (payload,) = together(run())
    reader, shape = BoostReader(payload[HEADER:], SUMS, "host"), liar.arranged.shape
    marks = reader.rows(shape.places)
    first = int(np.frombuffer(reader.take(4 * int(marks.sum())), dtype=">u4")[0])
    (ciphertext, *_) = liar.key.public.unpack(reader.rest(), liar.packing.ciphertexts(int(marks.sum())), sender="host")
    named = liar.key.residue(ciphertext) & (1 << liar.packing.width) - 1
    rows = [row for row in range(TRAIN) if named >> row & 1]
    cut = liar.arranged.cut(Choice(int(np.flatnonzero(marks)[0])))
    assert rows == np.flatnonzero(sides_of(liar.columns, cut)[:TRAIN]).tolist() and len(rows) == first


# A host that deviates, as the label holder sees it.


TOLD_BYTES = (candidates(table(1), TRAIN, range).shape.places + 7) // 8


def against(
    together: Together,
    key: Any,
    change: Callable[[str, bytes], bytes],
    cipher: Cipher | None = None,
    *,
    blind: bool = False,
) -> str:
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
    holder = LabelHolder(("host",), key, Own(tables[0]), labels_of(*tables), ROWS, Boosting(2, 3, 4), blind=blind)
    host = Host("holder", tables[1], TRAIN, holder.boosting, cipher=cipher or PAILLIER, blind=blind, order=bytes)

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
        return payload if tag != SUMS else payload[:start] + header(0) + payload[start + 4 :]

    start = HEADER + TOLD_BYTES
    assert against(together, paillier_key, fewer) == "boost.sums"


def test_a_host_may_not_tell_of_a_child_what_it_did_not_tell_of_the_parent(
    paillier_key: Any, together: Together
) -> None:
    def hide(tag: str, payload: bytes) -> bytes:
        root = tag == SUMS and payload.startswith(header(1) + header(0))
        return payload[:HEADER] + bytes(TOLD_BYTES) if root else payload

    assert against(together, paillier_key, hide) == "boost.sums"


def test_a_blind_host_is_held_to_its_sums_as_well(okamoto_key: Any, together: Together) -> None:
    def flip(tag: str, payload: bytes) -> bytes:
        return payload if tag != SIDES else payload[:12] + bytes([payload[12] ^ 0x80]) + payload[13:]

    def beyond(tag: str, payload: bytes) -> bytes:
        """A number so close to p that its refusal would say something of p."""
        public = okamoto_key.public
        large = Ciphertext(public.n, pow(public.g, 1 << 681, public.n))
        return payload if tag != SUMS else payload[: -public.ciphertext_bytes] + public.pack([large])

    for change, code in ((flip, "boost.sums"), (beyond, "okamoto.range")):
        assert against(together, okamoto_key, change, OKAMOTO_UCHIYAMA, blind=True) == code


@pytest.mark.parametrize(
    ("tag", "change", "code"),
    [
        (STANDING, lambda payload: payload[:-1], "boost.message"),
        (STANDING, lambda payload: header(101), "boost.message"),
        (SHAPE, lambda payload: payload[:-1], "boost.message"),
        (SHAPE, lambda payload: payload + b"\x00", "boost.message"),
        (SHAPE, lambda payload: payload[:8] + header(1 << 20) + payload[12:], "boost.message"),
        (SHAPE, lambda payload: header(7) + payload[4:], "boost.order"),
        (SUMS, lambda payload: payload[:-1], "boost.message"),
        (SUMS, lambda payload: payload + b"\x00", "boost.message"),
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
