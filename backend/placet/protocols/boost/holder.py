"""The label holder's side: the structure of the trees, and the only key."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

import numpy as np

from placet.core.errors import InputError, ProtocolError
from placet.core.framing import header
from placet.core.values import Value
from placet.models.boosting import (
    Boosting,
    Own,
    base_of,
    gradients,
)
from placet.models.choices import MAX_TREES
from placet.models.trees import MAX_CUTS, Marks, Tree, TreeCut, TreeFork, TreeModel, Whole, tree_margins
from placet.protocols.boost.holder_tree import BlindHolderTree, HolderTree, OpenHolderTree, Remembered
from placet.protocols.boost.messages import HEADER, JUDGED, KEY, STANDING, At, BoostReader, read_judged
from placet.protocols.channel import Channel
from placet.protocols.mpc.ciphertexts import SumKey
from placet.protocols.order import Entropy
from placet.protocols.work import Progress


class HolderState(Value):
    """The trees, the holder's own cuts, all rows' margins, and what the last tree added to them."""

    trees: tuple[Tree, ...]
    cuts: tuple[TreeCut, ...]
    margins: tuple[int, ...]
    last: tuple[int, ...]


@dataclass
class LabelHolder:
    """The party with the labels, which are of the first of all `rows`, those of training.

    `blind`: hosts are not told which rows are in which node. Call `start` once, then `grow` for each tree. `margins`
    are all rows' by the trees so far.
    """

    hosts: tuple[str, ...]
    key: SumKey
    own: Own
    labels: Whole
    rows: int
    boosting: Boosting
    entropy: Entropy = secrets.token_bytes
    blind: bool = False
    trees: list[Tree] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.own.columns:
            raise InputError("the first tree is of the label holder's own columns", expected="one or more", found=0)
        self.base = base_of(self.labels)
        self.margins = np.full(self.rows, self.base, np.int64)
        self._last = np.zeros(self.rows, np.int64)
        self.remembered = Remembered()

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
        self.remembered.used = {(fork.party, fork.cut) for fork in forks if fork.party}
        del self.own.cuts[max((fork.cut + 1 for fork in forks if fork.party == 0), default=0) :]
        self.own.numbers = {cut: number for number, cut in enumerate(self.own.cuts)}

    async def grow(self, channel: Channel, progress: Progress | None = None) -> Tree:
        """The next tree; the first one says nothing to anybody. ProtocolError for what a host may not answer."""
        kind: type[HolderTree] = BlindHolderTree if self.blind else OpenHolderTree
        turn = kind(
            channel,
            len(self.trees),
            self.hosts if self.trees else (),
            self.key,
            self.own,
            gradients(self.margins[: len(self.labels)], self.labels),
            self.rows,
            self.boosting,
            self.remembered,
            self.entropy,
            progress,
        )
        tree = await turn.grow()
        own, sides = self.own.sides, self.remembered.sides
        self._last = tree_margins(tree, self.rows, lambda party, cut: own(cut) if party == 0 else sides[party, cut])
        self.margins = self.margins + self._last
        self.trees.append(tree)
        return tree

    async def judge(self, channel: Channel, rows: slice) -> list[list[Marks]]:
        """After the last tree, of each host: on which side of each of its cuts these rows are. ProtocolError
        `boost.sums` where they do not come to the leaves that they came to."""
        count, sides = len(self.margins[rows]), []
        limit = HEADER + 4 + MAX_CUTS * ((count + 7) // 8)
        for host in self.hosts:
            reader = At(len(self.trees), 0).read(await channel.receive(host, JUDGED, limit=limit), JUDGED, host)
            sides.append(read_judged(reader, count))
        self.model.demand_cuts([len(self.own.cuts), *map(len, sides)])
        margins = self.model.margins(
            count, lambda party, cut: self.own.sides(cut)[rows] if party == 0 else sides[party - 1][cut]
        )
        if not np.array_equal(margins, self.margins[rows]):
            raise ProtocolError(
                "hosts say of rows that they are on other sides of cuts than while trees grew",
                expected="the same sides",
                found="others",
                code="boost.sums",
            )
        return sides
