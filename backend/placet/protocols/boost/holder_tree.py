"""One tree as the label holder grows it with hosts that are told which rows are in which node, or blind ones."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from placet.models.boosting import (
    Boosting,
    Gradients,
    HostCut,
    Own,
    SidesAnswer,
    SidesRequest,
    SumsAnswer,
    SumsRequest,
    advance,
    grow,
)
from placet.models.choices import MAX_COLUMNS
from placet.models.cuts import Choice, CutShape
from placet.models.trees import MAX_CUTS, Marks, Tree, Whole
from placet.protocols.boost.messages import (
    CUTS,
    GRADIENTS,
    HEADER,
    NODES,
    SHAPE,
    SIDES,
    SUMS,
    At,
    BoostReader,
    read_shape,
    slots_of,
    smaller,
    write_choices,
    write_cuts,
    write_nodes,
)
from placet.protocols.boost.packing import Packing, demand_possible, impossible
from placet.protocols.channel import Channel
from placet.protocols.mpc.ciphertexts import SumKey
from placet.protocols.order import Entropy
from placet.protocols.work import Progress, each


@dataclass
class Remembered:
    """By party and cut: on which side all rows are that anybody asks about, of hosts' cuts in trees of this try; and
    `used`, of hosts' cuts in all trees that stand."""

    sides: dict[tuple[int, int], Marks] = field(default_factory=dict)
    used: set[tuple[int, int]] = field(default_factory=set)


@dataclass(frozen=True)
class _Told:
    """What a host told of a node: of which places, and their sums, (places, 3), zero elsewhere."""

    places: Marks
    sums: Whole


@dataclass
class HolderTree(ABC):
    """What both ways have in common. No number that was decrypted goes into a message: what hosts are told are the
    places that are cut at, and which rows went where."""

    channel: Channel
    tree: int
    hosts: Sequence[str]
    key: SumKey
    own: Own
    slopes: Gradients
    rows: int
    boosting: Boosting
    remembered: Remembered
    entropy: Entropy
    progress: Progress | None
    nodes: tuple[Whole, ...] = ()
    told: list[list[_Told]] = field(default_factory=list)
    """By host and node of the level."""

    @property
    def train(self) -> int:
        return len(self.slopes.gradient)

    async def grow(self) -> Tree:
        shapes = [await self._shape(host) for host in self.hosts]
        dialogue = grow(self.own, self.slopes, self.rows, self.boosting, shapes)
        request, level = await asyncio.to_thread(advance, dialogue, None), 0
        while not isinstance(request, tuple):
            level = request.level
            if isinstance(request, SumsRequest):
                self.nodes = request.nodes
                request = await asyncio.to_thread(advance, dialogue, await self._sums(request, shapes))
            else:
                request = await asyncio.to_thread(advance, dialogue, await self._ask_sides(request))
        if self.hosts and level + 1 < self.boosting.depth:
            await self._end(level + 1)
        return request

    async def _shape(self, host: str) -> CutShape:
        payload = await self.channel.receive(host, SHAPE, limit=HEADER + 4 * (4 + MAX_COLUMNS))
        return read_shape(At(self.tree, 0).read(payload, SHAPE, host))

    async def _sums(self, request: SumsRequest, shapes: Sequence[CutShape]) -> SumsAnswer:
        """Hosts tell of the root, and then of the smaller child of each fork: the other's sums are the rest."""
        forks = [place for place, way in enumerate(request.parents) if way is not None]
        learned = [node[: np.searchsorted(node, self.train)] for node in request.nodes]
        pairs = zip(learned[::2], learned[1::2], strict=False)
        small = [2 * n + smaller(len(yes), len(no)) for n, (yes, no) in enumerate(pairs)] if forks else [0]
        await self._ask_sums(request, [learned[place] for place in small])
        for number, (host, shape) in enumerate(zip(self.hosts, shapes, strict=True)):
            answers = await self._told_of(host, shape, request.level, len(small))
            if forks:
                above = [self.told[number][place] for place in forks]
                self.told[number] = self._both(host, above, answers, small)
            else:
                self.told.append(answers)
        return [[by_host[node].sums for by_host in self.told] for node in range(len(self.nodes))]

    def _both(self, host: str, above: Sequence[_Told], small: Sequence[_Told], places: Sequence[int]) -> list[_Told]:
        """Of each fork's children, of one of which, at `places` in the level, the host told."""
        children: list[_Told] = []
        for parent, child, place in zip(above, small, places, strict=True):
            if (child.places & ~parent.places).any():
                raise impossible(host)
            rest = np.where(child.places[:, None], parent.sums - child.sums, 0)
            demand_possible(rest, self.train, sender=host)
            both = [_Told(child.places, rest)] * 2
            both[place % 2] = child
            children += both
        return children

    async def _ask_sides(self, request: SidesRequest) -> SidesAnswer:
        """Each host is told its own cuts alone, and a host without any that there are none."""
        at, answers = At(self.tree, request.level), dict[HostCut, tuple[int, Marks]]()
        by_host = [[cut for cut in request.cuts if cut.host == number] for number in range(len(self.hosts))]
        for host, cuts in zip(self.hosts, by_host, strict=True):
            await self.channel.send(host, CUTS, at.write(self._write_cuts(cuts)))
        for number, (host, cuts) in enumerate(zip(self.hosts, by_host, strict=True)):
            if cuts:
                rows_of_cuts = self._rows_of(cuts)
                limit = HEADER + sum(4 + (len(rows) + 7) // 8 for rows in rows_of_cuts)
                reader = at.read(await self.channel.receive(host, SIDES, limit=limit), SIDES, host)
                numbers = [self._remember(reader, number + 1, rows) for rows in rows_of_cuts]
                reader.end()
                answers |= self._by_cut(cuts, numbers)
        return [answers[cut] for cut in request.cuts]

    def _remember(self, reader: BoostReader, party: int, rows: Whole) -> int:
        """A new cut's number; on which side of it these rows are, is remembered."""
        number, yes = reader.number(MAX_CUTS - 1), reader.rows(len(rows))
        if (party, number) in self.remembered.used:
            raise reader.bad("a new number for each cut", f"{number} again")
        sides = np.zeros(self.rows, np.bool_)
        sides[rows[yes]] = True
        self.remembered.used.add((party, number))
        self.remembered.sides[party, number] = sides
        return number

    def _answer(self, cut: HostCut, number: int) -> tuple[int, Marks]:
        return number, self.remembered.sides[cut.host + 1, number][self.nodes[cut.node]]

    async def _send_numbers(self, at: At, plaintexts: Sequence[Sequence[int]]) -> None:
        """By layer each training row's number, encrypted; one message a layer."""
        public = self.key.public
        for layer in plaintexts:
            encrypted = await each(
                lambda number: public.encrypt(number, self.entropy), layer, stage="encrypt", progress=self.progress
            )
            await self._send_all(GRADIENTS, at.write(await asyncio.to_thread(public.pack, encrypted)))

    async def _send_all(self, tag: str, payload: bytes) -> None:
        for host in self.hosts:
            await self.channel.send(host, tag, payload)

    async def _residues(self, reader: BoostReader, count: int) -> list[int]:
        """What so many ciphertexts hold."""
        public = self.key.public
        body = reader.take(count * public.ciphertext_bytes)
        unpacked = await asyncio.to_thread(public.unpack, body, count, sender=reader.sender)
        return await each(self.key.residue, unpacked, stage="decrypt", progress=self.progress)

    @abstractmethod
    async def _ask_sums(self, request: SumsRequest, nodes: Sequence[Whole]) -> None:
        """Send what hosts need to tell of these nodes, given as rows of training."""

    @abstractmethod
    async def _told_of(self, host: str, shape: CutShape, level: int, nodes: int) -> list[_Told]:
        """What it told of them."""

    @abstractmethod
    async def _end(self, level: int) -> None:
        """Tell all hosts that no node is cut at this level."""

    @abstractmethod
    def _write_cuts(self, cuts: Sequence[HostCut]) -> bytes:
        """As a host is asked to make them."""

    @abstractmethod
    def _rows_of(self, cuts: Sequence[HostCut]) -> list[Whole]:
        """Of each new cut the rows that are told of."""

    @abstractmethod
    def _by_cut(self, cuts: Sequence[HostCut], numbers: Sequence[int]) -> dict[HostCut, tuple[int, Marks]]:
        """Of each cut its number and its node's rows' sides."""


@dataclass
class OpenHolderTree(HolderTree):
    """Hosts are told which rows are in which node, and count them themselves."""

    @property
    def packing(self) -> Packing:
        return Packing(self.train, self.key.public.plaintext_bits)

    async def _ask_sums(self, request: SumsRequest, nodes: Sequence[Whole]) -> None:
        if request.level == 0:
            rows = zip(self.slopes.gradient.tolist(), self.slopes.curvature.tolist(), strict=True)
            await self._send_numbers(At(self.tree, 0), [[self.packing.encode(*row) for row in rows]])
        await self._send_nodes(request.level, request.parents)

    async def _end(self, level: int) -> None:
        await self._send_nodes(level, [None] * len(self.nodes))

    async def _send_nodes(self, level: int, parents: Sequence[Whole | None]) -> None:
        await self._send_all(NODES, At(self.tree, level).write(write_nodes(parents, self.rows)))

    async def _told_of(self, host: str, shape: CutShape, level: int, nodes: int) -> list[_Told]:
        packing, places = self.packing, shape.places
        most = (places + 7) // 8 + 4 * places + packing.ciphertexts(places) * self.key.public.ciphertext_bytes
        payload = await self.channel.receive(host, SUMS, limit=HEADER + nodes * most)
        reader, answers = At(self.tree, level).read(payload, SUMS, host), []
        for _ in range(nodes):
            disclosed = reader.rows(places)
            shown = int(disclosed.sum())
            counts = np.frombuffer(reader.take(4 * shown), dtype=">u4").astype(np.int64)
            residues = await self._residues(reader, packing.ciphertexts(shown))
            sums = np.zeros((places, 3), np.int64)
            sums[disclosed] = packing.decode([residues], shown, sender=host, counts=counts[None])[0]
            answers.append(_Told(disclosed, sums))
        reader.end()
        return answers

    def _write_cuts(self, cuts: Sequence[HostCut]) -> bytes:
        return write_cuts(cuts)

    def _rows_of(self, cuts: Sequence[HostCut]) -> list[Whole]:
        return [self.nodes[cut.node] for cut in cuts]

    def _by_cut(self, cuts: Sequence[HostCut], numbers: Sequence[int]) -> dict[HostCut, tuple[int, Marks]]:
        return {cut: self._answer(cut, number) for cut, number in zip(cuts, numbers, strict=True)}


@dataclass
class BlindHolderTree(HolderTree):
    """Hosts are told of no row in which node it is: at each level all rows are encrypted anew, each in the slot of its
    node and as nothing if it is in none that is asked about; and a cut is made in all rows."""

    def packing(self, level: int) -> Packing:
        return Packing(self.train, self.key.public.plaintext_bits, slots_of(level), counted=True)

    async def _ask_sums(self, request: SumsRequest, nodes: Sequence[Whole]) -> None:
        packing = self.packing(request.level)
        layers = [[0] * self.train for _ in range(packing.layers)]
        gradient, curvature = self.slopes.gradient.tolist(), self.slopes.curvature.tolist()
        for number, rows in enumerate(nodes):
            layer, slot = divmod(number, packing.slots)
            for row in rows.tolist():
                layers[layer][row] = packing.encode(gradient[row], curvature[row]) << slot * packing.width
        await self._send_numbers(At(self.tree, request.level), layers)

    async def _end(self, level: int) -> None:
        await self._send_all(GRADIENTS, At(self.tree, level).write(b""))

    async def _told_of(self, host: str, shape: CutShape, level: int, nodes: int) -> list[_Told]:
        packing, places = self.packing(level), shape.places
        most = packing.layers * packing.ciphertexts(places) * self.key.public.ciphertext_bytes
        payload = await self.channel.receive(host, SUMS, limit=HEADER + (places + 7) // 8 + most)
        reader = At(self.tree, level).read(payload, SUMS, host)
        disclosed = reader.rows(places)
        shown = int(disclosed.sum())
        layers = [await self._residues(reader, packing.ciphertexts(shown)) for _ in range(packing.layers)]
        reader.end()
        sums = np.zeros((packing.nodes, places, 3), np.int64)
        sums[:, disclosed] = packing.decode(layers, shown, sender=host)
        if sums[nodes:].any():
            raise impossible(host)
        return [_Told(disclosed, one) for one in sums[:nodes]]

    def _write_cuts(self, cuts: Sequence[HostCut]) -> bytes:
        return write_choices(_choices(cuts))

    def _rows_of(self, cuts: Sequence[HostCut]) -> list[Whole]:
        return [np.arange(self.rows)] * len(_choices(cuts))

    def _by_cut(self, cuts: Sequence[HostCut], numbers: Sequence[int]) -> dict[HostCut, tuple[int, Marks]]:
        numbered = dict(zip(_choices(cuts), numbers, strict=True))
        return {cut: self._answer(cut, numbered[cut.choice]) for cut in cuts}


def _choices(cuts: Sequence[HostCut]) -> list[Choice]:
    """Without their nodes."""
    return sorted({cut.choice for cut in cuts})
