"""The label holder's side: the structure of the trees, and the only key."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from placet.core.errors import InputError
from placet.core.framing import header
from placet.core.values import Value
from placet.models.boosting import (
    Boosting,
    Gradients,
    Own,
    SidesAnswer,
    SidesRequest,
    SumsAnswer,
    SumsRequest,
    advance,
    base_of,
    gradients,
    grow,
)
from placet.models.cuts import CutShape
from placet.models.trees import (
    MAX_COLUMNS,
    MAX_CUTS,
    MAX_TREES,
    Marks,
    Tree,
    TreeCut,
    TreeFork,
    TreeModel,
    Whole,
    tree_margins,
)
from placet.protocols.boost.messages import (
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
    read_shape,
    write_cuts,
    write_nodes,
)
from placet.protocols.boost.packing import Packing
from placet.protocols.channel import Channel
from placet.protocols.mpc.ciphertexts import SumKey
from placet.protocols.order import Entropy
from placet.protocols.work import Progress, each


class HolderState(Value):
    """The trees, the holder's own cuts, all rows' margins, and what the last tree added to them."""

    trees: tuple[Tree, ...]
    cuts: tuple[TreeCut, ...]
    margins: tuple[int, ...]
    last: tuple[int, ...]


@dataclass
class LabelHolder:
    """The party with the labels, which are of the first of all `rows`, those of training.

    Call `start` once, then `grow` for each tree. `margins` are all rows' by the trees so far.
    """

    hosts: tuple[str, ...]
    key: SumKey
    own: Own
    labels: Whole
    rows: int
    boosting: Boosting
    entropy: Entropy = secrets.token_bytes
    trees: list[Tree] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.own.columns:
            raise InputError("the first tree is of the label holder's own columns", expected="one or more", found=0)
        self.base = base_of(self.labels)
        self.margins = np.full(self.rows, self.base, np.int64)
        self._last = np.zeros(self.rows, np.int64)
        self.sides: dict[tuple[int, int], Marks] = {}
        """By party and cut, of a host's cuts in trees of this try."""
        self.used: set[tuple[int, int]] = set()
        """Party and cut, of hosts' cuts in all trees that stand."""

    @property
    def model(self) -> TreeModel:
        return TreeModel(parties=1 + len(self.hosts), base=self.base, trees=tuple(self.trees))

    async def start(self, channel: Channel) -> int:
        """Send the key to all hosts; from how many trees of an earlier try all go on."""
        await asyncio.to_thread(self.key.public.prepare)
        standing = [len(self.trees)]
        for host in self.hosts:
            reader = BoostReader(await channel.receive(host, STANDING, limit=4), STANDING, host)
            standing.append(reader.number(MAX_TREES))
            reader.end()
        trees = min(standing) if min(standing) > 1 and min(standing) >= len(self.trees) - 1 else 0
        self._go_back(trees)
        for host in self.hosts:
            await channel.send(host, KEY, header(trees) + self.key.public.to_bytes())
        return trees

    def state(self) -> HolderState:
        """What a later try goes on from: `resume`."""
        return HolderState(
            trees=tuple(self.trees),
            cuts=tuple(self.own.cuts),
            margins=tuple(self.margins.tolist()),
            last=tuple(self._last.tolist()),
        )

    def resume(self, state: HolderState) -> None:
        """Go on from an earlier try over the same rows. InputError for another number of them."""
        if len(state.margins) != self.rows or len(state.last) != self.rows:
            raise InputError("a state of other rows", expected=self.rows, found=len(state.margins))
        self.trees = list(state.trees)
        self.own.cuts[:] = state.cuts
        self.margins, self._last = np.array(state.margins, dtype=np.int64), np.array(state.last, dtype=np.int64)

    def _go_back(self, trees: int) -> None:
        """To the first `trees`, which are all, all but one, or none."""
        if trees < len(self.trees):
            self.margins = self.margins - self._last if trees else np.full(self.rows, self.base, np.int64)
            self._last = np.zeros(self.rows, np.int64)
        del self.trees[trees:]
        forks = [node for tree in self.trees for node in tree if isinstance(node, TreeFork)]
        self.used = {(fork.party, fork.cut) for fork in forks if fork.party}
        del self.own.cuts[max((fork.cut + 1 for fork in forks if fork.party == 0), default=0) :]
        self.own.numbers = {cut: number for number, cut in enumerate(self.own.cuts)}

    async def grow(self, channel: Channel, progress: Progress | None = None) -> Tree:
        """The next tree; the first one says nothing to anybody. ProtocolError for what a host may not answer."""
        slopes = gradients(self.margins[: len(self.labels)], self.labels)
        hosts = self.hosts if self.trees else ()
        turn = _Turn(self, channel, len(self.trees), hosts, progress)
        tree = await turn.grow(slopes)
        own = self.own.sides
        self._last = tree_margins(
            tree, self.rows, lambda party, cut: own(cut) if party == 0 else self.sides[party, cut]
        )
        self.margins = self.margins + self._last
        self.trees.append(tree)
        return tree

    def remember(self, party: int, number: int, rows: Whole, yes: Marks) -> None:
        """On which side of a host's cut a node's rows are; nobody asks for other rows."""
        sides = np.zeros(self.rows, np.bool_)
        sides[rows[yes]] = True
        self.used.add((party, number))
        self.sides[party, number] = sides


@dataclass
class _Turn:
    """One tree, as the label holder talks to its hosts."""

    holder: LabelHolder
    channel: Channel
    tree: int
    hosts: Sequence[str]
    progress: Progress | None
    nodes: tuple[Whole, ...] = ()

    @property
    def packing(self) -> Packing:
        return Packing(len(self.holder.labels), self.holder.key.public.plaintext_bits)

    async def grow(self, slopes: Gradients) -> Tree:
        holder = self.holder
        shapes = [await self._shape(host) for host in self.hosts]
        await self._send_gradients(slopes)
        dialogue = grow(holder.own, slopes, holder.rows, holder.boosting, shapes)
        request, level = await asyncio.to_thread(advance, dialogue, None), 0
        while not isinstance(request, tuple):
            level = request.level
            if isinstance(request, SumsRequest):
                self.nodes = request.nodes
                await self._send_nodes(level, request.parents)
                request = await asyncio.to_thread(advance, dialogue, await self._sums(level, shapes))
            else:
                request = await asyncio.to_thread(advance, dialogue, await self._ask_sides(request))
        if level + 1 < holder.boosting.depth:
            await self._send_nodes(level + 1, [None] * len(self.nodes))
        return request

    async def _shape(self, host: str) -> CutShape:
        payload = await self.channel.receive(host, SHAPE, limit=HEADER + 4 * (2 + MAX_COLUMNS))
        return read_shape(At(self.tree, 0).read(payload, SHAPE, host))

    async def _send_gradients(self, slopes: Gradients) -> None:
        if not self.hosts:
            return
        public, packing, entropy = self.holder.key.public, self.packing, self.holder.entropy
        rows = list(zip(slopes.gradient.tolist(), slopes.curvature.tolist(), strict=True))
        encrypted = await each(
            lambda row: public.encrypt(packing.encode(*row), entropy), rows, stage="encrypt", progress=self.progress
        )
        payload = At(self.tree, 0).write(await asyncio.to_thread(public.pack, encrypted))
        for host in self.hosts:
            await self.channel.send(host, GRADIENTS, payload)

    async def _send_nodes(self, level: int, parents: Sequence[Whole | None]) -> None:
        payload = At(self.tree, level).write(write_nodes(parents, self.holder.rows))
        for host in self.hosts:
            await self.channel.send(host, NODES, payload)

    async def _sums(self, level: int, shapes: Sequence[CutShape]) -> SumsAnswer:
        by_host = [await self._sums_of(host, level, shape) for host, shape in zip(self.hosts, shapes, strict=True)]
        return list(zip(*by_host, strict=True))

    async def _sums_of(self, host: str, level: int, shape: CutShape) -> list[Whole]:
        public, packing, nodes = self.holder.key.public, self.packing, len(self.nodes)
        size, ciphertexts = 4 * shape.places, packing.ciphertexts(shape.places)
        limit = HEADER + nodes * (size + ciphertexts * public.ciphertext_bytes)
        reader = At(self.tree, level).read(await self.channel.receive(host, SUMS, limit=limit), SUMS, host)
        counts = [np.frombuffer(reader.take(size), dtype=">u4").astype(np.int64) for _ in range(nodes)]
        unpacked = await asyncio.to_thread(public.unpack, reader.rest(), nodes * ciphertexts, sender=host)
        residues = await each(self.holder.key.residue, unpacked, stage="decrypt", progress=self.progress)
        return [
            packing.decode(residues[place * ciphertexts : (place + 1) * ciphertexts], count, sender=host)
            for place, count in enumerate(counts)
        ]

    async def _ask_sides(self, request: SidesRequest) -> SidesAnswer:
        """Each host is told its own cuts alone, and a host without any that there are none."""
        at, answers = At(self.tree, request.level), dict[int, tuple[int, Marks]]()
        for number, host in enumerate(self.hosts):
            payload = at.write(write_cuts([cut for cut in request.cuts if cut.host == number]))
            await self.channel.send(host, CUTS, payload)
        for number, host in enumerate(self.hosts):
            cuts = [cut for cut in request.cuts if cut.host == number]
            if not cuts:
                continue
            sizes = [len(self.nodes[cut.node]) for cut in cuts]
            limit = HEADER + sum(4 + (size + 7) // 8 for size in sizes)
            reader = at.read(await self.channel.receive(host, SIDES, limit=limit), SIDES, host)
            for cut, size in zip(cuts, sizes, strict=True):
                place, yes = reader.number(MAX_CUTS - 1), reader.rows(size)
                if (number + 1, place) in self.holder.used:
                    raise reader.bad("a new number for each cut", f"{place} again")
                self.holder.remember(number + 1, place, self.nodes[cut.node], yes)
                answers[cut.node] = place, yes
            reader.end()
        return [answers[cut.node] for cut in request.cuts]
