"""One tree as a host grows it: told which rows are in which node, or blind."""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from placet.core.errors import ProtocolError
from placet.core.framing import header
from placet.models.boosting import Boosting
from placet.models.cuts import CutCandidates, cell_sums, sides_of
from placet.models.disclosure import Disclosed, told_places
from placet.models.trees import Marks, TreeCut, Whole
from placet.protocols.boost.encrypted import EncryptedColumns, Sums
from placet.protocols.boost.messages import (
    CUTS,
    GRADIENTS,
    HEADER,
    MAX_CELLS,
    MAX_NODES,
    NODES,
    SIDES,
    SUMS,
    At,
    read_choices,
    read_cuts,
    read_nodes,
    rows_bytes,
    slots_of,
    smaller,
)
from placet.protocols.boost.packing import Packing
from placet.protocols.channel import Channel
from placet.protocols.mpc.extra import gmpy2
from placet.protocols.work import Progress

_CUTS_LIMIT = HEADER + 4 + MAX_NODES * 4 * (3 + MAX_CELLS)


@dataclass
class HostTree(ABC):
    """What both ways have in common. `cuts` are added to."""

    holder: str
    channel: Channel
    tree: int
    arranged: CutCandidates
    encrypted: EncryptedColumns
    train: int
    boosting: Boosting
    cuts: list[TreeCut]
    progress: Progress | None

    @property
    def rows(self) -> int:
        return len(self.encrypted.columns[0].codes)

    @abstractmethod
    async def grow(self) -> None:
        """All levels. ProtocolError for what the label holder may not ask."""

    async def _values(self, at: At, *, ends: bool = False) -> list[gmpy2.mpz]:
        """Each training row's ciphertext, of one layer; none where the tree `ends`, if it may."""
        key = self.encrypted.key
        limit = HEADER + self.train * key.ciphertext_bytes
        body = at.read(await self.channel.receive(self.holder, GRADIENTS, limit=limit), GRADIENTS, self.holder).rest()
        if ends and not body:
            return []
        unpacked = await asyncio.to_thread(key.unpack, body, self.train, sender=self.holder)
        return await asyncio.to_thread(lambda: [gmpy2.mpz(one.value) for one in unpacked])

    def _learned(self, rows: Whole) -> Whole:
        """Those of training."""
        return rows[: np.searchsorted(rows, self.train)]

    def _family(self, parent: Disclosed | None, nodes: Sequence[Whole]) -> list[Disclosed]:
        """What is told of the root, or of both children of a node, by their rows of training."""
        counts = [[column[:, 0] for column in cell_sums(self.encrypted.columns, rows, ())] for rows in nodes]
        disclosed = told_places(self.arranged, parent, counts, self.boosting.smallest)
        return [Disclosed(one, disclosed, parent) for one in counts]

    def _demand_enough(self, *counts: int) -> None:
        if min(counts) < self.boosting.smallest:
            raise ProtocolError(
                f"{self.holder} asks for a node of too few rows",
                expected=f"{self.boosting.smallest} rows of training or more on either side",
                found="fewer",
                code="boost.few",
            )

    def _make(self, cut: TreeCut, rows: Whole) -> tuple[Marks, bytes]:
        """A new cut: of `rows` whether they go to `yes`, and that as the label holder is told."""
        yes = sides_of(self.encrypted.columns, cut)[rows]
        learned = len(self._learned(rows))
        left = int(yes[:learned].sum())
        self._demand_enough(left, learned - left)
        self.cuts.append(cut)
        return yes, header(len(self.cuts) - 1) + rows_bytes(yes)


@dataclass
class _Node:
    """A node of the tree as a host sees it: its rows, what it tells of it, encrypted sums."""

    rows: Whole
    shown: Disclosed
    sums: Sums


@dataclass
class OpenHostTree(HostTree):
    """The label holder says which rows are in which node."""

    nodes: list[_Node] = field(default_factory=list)
    sides: dict[int, Marks] = field(default_factory=dict)

    async def grow(self) -> None:
        packing = Packing(self.train, self.encrypted.key.plaintext_bits)
        values = await self._values(At(self.tree, 0))
        for level in range(self.boosting.depth):
            at = At(self.tree, level)
            telling = await self._take_nodes(at, values)
            if not telling:
                break
            await self._tell_sums(at, telling, packing)
            await self._tell_sides(at)

    async def _take_nodes(self, at: At, values: Sequence[gmpy2.mpz]) -> list[_Node]:
        """The nodes that are told of: the smaller child of each pair, since the other's sums are the rest."""
        limit = HEADER + len(self.nodes) * (1 + (self.rows + 7) // 8)
        reader = at.read(await self.channel.receive(self.holder, NODES, limit=limit), NODES, self.holder)
        if at.level == 0:
            reader.end()
            rows = np.arange(self.rows)
            learned = self._learned(rows)
            sums = await asyncio.to_thread(self.encrypted.sums, values, learned)
            (root,) = await asyncio.to_thread(self._family, None, [learned])
            self.nodes = [_Node(rows, root, sums)]
            return self.nodes
        below, telling = [], []
        for place, (parent, marks) in enumerate(
            zip(self.nodes, read_nodes(reader, len(self.nodes), self.rows), strict=True)
        ):
            if marks is None:
                continue
            yes = marks[parent.rows]
            if int(yes.sum()) != int(marks.sum()) or (
                place in self.sides and not np.array_equal(yes, self.sides[place])
            ):
                raise ProtocolError(
                    f"{self.holder} has other rows in a node than the tree",
                    expected="rows of the node above, by the cut that was made there",
                    found="others",
                    code="boost.nodes",
                )
            children = parent.rows[yes], parent.rows[~yes]
            learned_of = [self._learned(child) for child in children]
            self._demand_enough(*map(len, learned_of))
            small = smaller(*map(len, learned_of))
            sums = await asyncio.to_thread(self.encrypted.sums, values, learned_of[small])
            rest = await asyncio.to_thread(self.encrypted.without, parent.sums, sums)
            family = await asyncio.to_thread(self._family, parent.shown, learned_of)
            pair = [_Node(rows, shown, rest) for rows, shown in zip(children, family, strict=True)]
            pair[small].sums = sums
            telling.append(pair[small])
            below += pair
        self.nodes = below
        return telling

    async def _tell_sums(self, at: At, telling: Sequence[_Node], packing: Packing) -> None:
        answer = b""
        for node in telling:
            disclosed, counts = node.shown.told, [column[:, None] for column in node.shown.counts]
            answer += rows_bytes(disclosed) + self.arranged.places(counts)[disclosed, 0].astype(">u4").tobytes()
            answer += await self.encrypted.packed(self.arranged, node.sums, disclosed, packing, self.progress)
        await self.channel.send(self.holder, SUMS, at.write(answer))

    async def _tell_sides(self, at: At) -> None:
        payload = await self.channel.receive(self.holder, CUTS, limit=_CUTS_LIMIT)
        cuts = read_cuts(at.read(payload, CUTS, self.holder), 0)
        self.sides, answer = {}, b""
        for cut in cuts:
            if cut.node >= len(self.nodes) or cut.node in self.sides:
                raise ProtocolError(
                    f"{self.holder} cuts a node that is not there, or twice",
                    expected=f"each of {len(self.nodes)} nodes once",
                    found=f"node {cut.node}",
                    code="boost.nodes",
                )
            self.sides[cut.node], message = self._make(self.arranged.cut(cut.choice), self.nodes[cut.node].rows)
            answer += message
        if cuts:
            await self.channel.send(self.holder, SIDES, at.write(answer))


@dataclass
class BlindHostTree(HostTree):
    """The label holder says of no row in which node it is: each row's number stands in a slot of its node, and the
    sums of all rows are told."""

    async def grow(self) -> None:
        learned = np.arange(self.train)
        (root,) = await asyncio.to_thread(self._family, None, [learned])
        for level in range(self.boosting.depth):
            at = At(self.tree, level)
            packing = Packing(self.train, self.encrypted.key.plaintext_bits, slots_of(level), counted=True)
            answer = rows_bytes(root.told)
            for layer in range(packing.layers):
                values = await self._values(at, ends=level > 0 and layer == 0)
                if not values:
                    return
                sums = await asyncio.to_thread(self.encrypted.sums, values, learned)
                answer += await self.encrypted.packed(self.arranged, sums, root.told, packing, self.progress)
            await self.channel.send(self.holder, SUMS, at.write(answer))
            await self._tell_sides(at)

    async def _tell_sides(self, at: At) -> None:
        payload = await self.channel.receive(self.holder, CUTS, limit=_CUTS_LIMIT)
        choices = read_choices(at.read(payload, CUTS, self.holder))
        if len(choices) > 2**at.level or any(low >= high for low, high in itertools.pairwise(choices)):
            raise ProtocolError(
                f"{self.holder} cuts more often than there are nodes, or out of order",
                expected=f"up to {2**at.level} candidates, ascending",
                found=f"{len(choices)}",
                code="boost.nodes",
            )
        rows = np.arange(self.rows)
        answer = b"".join(self._make(self.arranged.cut(choice), rows)[1] for choice in choices)
        if choices:
            await self.channel.send(self.holder, SIDES, at.write(answer))
