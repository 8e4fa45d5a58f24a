"""A host's side: its columns, and sums over them of numbers that it can't read."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from placet.core.errors import InputError, ProtocolError
from placet.core.framing import header
from placet.models.boosting import Boosting, hide_few, hide_siblings
from placet.models.cuts import CodedColumn, CutCandidates, candidates, cell_sums, sides_of
from placet.models.trees import Marks, TreeCut, Whole
from placet.protocols.boost.ciphers import MAX_KEY_BYTES, PAILLIER, Cipher
from placet.protocols.boost.messages import (
    CUTS,
    GRADIENTS,
    HEADER,
    KEY,
    MAX_CELLS,
    MAX_NODES,
    NODES,
    SHAPE,
    SIDES,
    STANDING,
    SUMS,
    At,
    BoostReader,
    read_cuts,
    read_nodes,
    rows_bytes,
    write_shape,
)
from placet.protocols.boost.packing import Packing
from placet.protocols.channel import Channel
from placet.protocols.mpc.ciphertexts import AdditiveKey, Mixture
from placet.protocols.mpc.extra import gmpy2
from placet.protocols.order import Entropy, secret_permutation
from placet.protocols.work import Progress, each

_Powers = list[list[gmpy2.mpz]]
"""Of each column and cell a product of ciphertexts: an encrypted sum."""


@dataclass
class _Node:
    """A node of the tree as a host sees it: its rows, the counts by place, which places are hidden, encrypted sums."""

    rows: Whole
    counts: Whole
    hidden: Marks
    powers: _Powers


class Host:
    """One party without the label. `columns` have a cell for each of all rows; the first `train` are those of training.
    CutCandidates are shuffled by `order`.

    Call `start` once, then `grow` for each tree but the first. `cuts` are those of its columns that the model makes.
    """

    def __init__(
        self,
        holder: str,
        columns: Sequence[CodedColumn],
        train: int,
        boosting: Boosting,
        *,
        cipher: Cipher = PAILLIER,
        entropy: Entropy = secrets.token_bytes,
        order: Entropy = secrets.token_bytes,
    ) -> None:
        if not columns:
            raise InputError("a host without columns", expected="one or more", found=0)
        self.holder, self.columns, self.train, self.boosting = holder, tuple(columns), train, boosting
        self.rows = len(columns[0].codes)
        self.cipher, self.entropy, self.order = cipher, entropy, order
        self.cuts: list[TreeCut] = []
        self.counts: list[int] = []
        """How many cuts there were after each tree."""
        self._key: AdditiveKey | None = None

    @property
    def key(self) -> AdditiveKey:
        if self._key is None:
            raise InputError("the label holder's key is not here yet", remedy="start first")
        return self._key

    @property
    def trees(self) -> int:
        """That stand; the first one, which is the label holder's alone, anyway."""
        return max(1, len(self.counts))

    @property
    def packing(self) -> Packing:
        return Packing(self.train, self.key.plaintext_bits)

    async def start(self, channel: Channel) -> None:
        """Tell how many trees stand from an earlier try; take the label holder's key, and how many it goes on from.
        ProtocolError for a key that can't be, or more trees than stand here."""
        await channel.send(self.holder, STANDING, header(len(self.counts)))
        payload = await channel.receive(self.holder, KEY, limit=4 + MAX_KEY_BYTES)
        reader = BoostReader(payload, KEY, self.holder)
        trees = reader.number(len(self.counts))
        del self.counts[trees:], self.cuts[self.counts[trees - 1] if trees else 0 :]
        self._key = await asyncio.to_thread(self.cipher.read, reader.rest(), sender=self.holder)

    async def grow(self, channel: Channel, progress: Progress | None = None) -> None:
        """One tree. ProtocolError for what the label holder may not ask."""
        tree = self.trees
        arranged = candidates(self.columns, self.train, lambda count: secret_permutation(count, self.order))
        at = At(tree, 0)
        await channel.send(self.holder, SHAPE, at.write(write_shape(arranged.shape)))
        limit = HEADER + self.train * self.key.ciphertext_bytes
        payload = await channel.receive(self.holder, GRADIENTS, limit=limit)
        body = at.read(payload, GRADIENTS, self.holder).rest()
        unpacked = await asyncio.to_thread(self.key.unpack, body, self.train, sender=self.holder)
        values = await asyncio.to_thread(lambda: [gmpy2.mpz(one.value) for one in unpacked])
        nodes: list[_Node] = []
        sides: dict[int, Marks] = {}
        for level in range(self.boosting.depth):
            at = At(tree, level)
            nodes = await self._nodes(channel, at, arranged, values, nodes, sides)
            if not nodes:
                break
            await self._tell_sums(channel, at, arranged, nodes, progress)
            sides = await self._tell_sides(channel, at, arranged, nodes)
        self.counts += [0] * (1 - len(self.counts))
        self.counts.append(len(self.cuts))

    async def _nodes(
        self,
        channel: Channel,
        at: At,
        arranged: CutCandidates,
        values: Sequence[gmpy2.mpz],
        above: Sequence[_Node],
        sides: dict[int, Marks],
    ) -> list[_Node]:
        """The level's nodes, with the sums of the smaller child of each pair worked out, and its sibling's by what is
        missing from their parent's."""
        limit = HEADER + len(above) * (1 + (self.rows + 7) // 8)
        payload = await channel.receive(self.holder, NODES, limit=limit)
        reader = at.read(payload, NODES, self.holder)
        if at.level == 0:
            reader.end()
            rows = np.arange(self.rows)
            sums, few = self._counted(arranged, rows)
            return [_Node(rows, np.where(few, 0, sums), few, await self._powers(values, rows))]
        nodes: list[_Node] = []
        for place, (parent, marks) in enumerate(zip(above, read_nodes(reader, len(above), self.rows), strict=True)):
            if marks is None:
                continue
            yes = marks[parent.rows]
            if int(yes.sum()) != int(marks.sum()) or (place in sides and not np.array_equal(yes, sides[place])):
                raise ProtocolError(
                    f"{self.holder} has other rows in a node than the tree",
                    expected="rows of the node above, by the cut that was made there",
                    found="others",
                    code="boost.nodes",
                )
            children = parent.rows[yes], parent.rows[~yes]
            counts = [self._learned(child) for child in children]
            self._demand_enough(counts)
            small = int(counts[1] < counts[0])
            powers = await self._powers(values, children[small])
            rest = await asyncio.to_thread(self._without, parent.powers, powers)
            both = (rest, powers) if small else (powers, rest)
            counted = [self._counted(arranged, rows) for rows in children]
            hidden = hide_siblings(parent.hidden, [few for _, few in counted])
            nodes += [
                _Node(rows, np.where(hidden, 0, sums), hidden, own)
                for rows, (sums, _), own in zip(children, counted, both, strict=True)
            ]
        return nodes

    def _learned(self, rows: Whole) -> int:
        return int(np.searchsorted(rows, self.train))

    def _demand_enough(self, counts: Sequence[int]) -> None:
        if min(counts) < self.boosting.smallest:
            raise ProtocolError(
                f"{self.holder} asks for a node of too few rows",
                expected=f"{self.boosting.smallest} rows of training or more on either side",
                found="fewer",
                code="boost.few",
            )

    def _counted(self, arranged: CutCandidates, rows: Whole) -> tuple[Whole, Marks]:
        """By place how many rows of training there are, and whether these are too few to be told."""
        learned = rows[: self._learned(rows)]
        sums = arranged.places(cell_sums(self.columns, learned, ()))
        return sums[:, 0], hide_few(sums, arranged.shape, len(learned), self.boosting.smallest)

    async def _powers(self, values: Sequence[gmpy2.mpz], rows: Whole) -> _Powers:
        learned = rows[: self._learned(rows)]
        mine = [values[row] for row in learned.tolist()]
        powers: _Powers = []
        for pair in _pairs(self.columns, len(learned)):
            codes = [column.codes[learned] for column in pair]
            powers += await asyncio.to_thread(
                _multiply, mine, codes, [c.cells for c in pair], gmpy2.mpz(self.key.modulus)
            )
        return powers

    def _without(self, parent: _Powers, child: _Powers) -> _Powers:
        modulus = gmpy2.mpz(self.key.modulus)
        return [
            [
                power if part == 1 else power * gmpy2.invert(part, modulus) % modulus
                for power, part in zip(*two, strict=True)
            ]
            for two in zip(parent, child, strict=True)
        ]

    async def _tell_sums(
        self, channel: Channel, at: At, arranged: CutCandidates, nodes: Sequence[_Node], progress: Progress | None
    ) -> None:
        modulus, packing = gmpy2.mpz(self.key.modulus), self.packing

        def packed(group: Sequence[gmpy2.mpz]) -> bytes:
            total = gmpy2.mpz(1)
            for power in reversed(group):
                total = gmpy2.powmod(total, 1 << packing.width, modulus) * power % modulus
            return self.key.pack([self.key.refresh(Mixture(self.key.n, int(total)), self.entropy)])

        counts, groups = [], []
        for node in nodes:
            sums = await asyncio.to_thread(_by_place, arranged, node.powers, modulus)
            shown = [gmpy2.mpz(1) if hidden else power for power, hidden in zip(sums, node.hidden, strict=True)]
            groups += [shown[start : start + packing.each] for start in range(0, len(shown), packing.each)]
            counts.append(node.counts.astype(">u4").tobytes())
        bodies = await each(packed, groups, stage="sums", progress=progress)
        await channel.send(self.holder, SUMS, at.write(b"".join((*counts, *bodies))))

    async def _tell_sides(
        self, channel: Channel, at: At, arranged: CutCandidates, nodes: Sequence[_Node]
    ) -> dict[int, Marks]:
        limit = HEADER + 4 + MAX_NODES * 4 * (3 + MAX_CELLS)
        payload = await channel.receive(self.holder, CUTS, limit=limit)
        cuts = read_cuts(at.read(payload, CUTS, self.holder), 0)
        sides: dict[int, Marks] = {}
        answer = b""
        for cut in cuts:
            if cut.node >= len(nodes) or cut.node in sides:
                raise ProtocolError(
                    f"{self.holder} cuts a node that is not there, or twice",
                    expected=f"each of {len(nodes)} nodes once",
                    found=f"node {cut.node}",
                    code="boost.nodes",
                )
            node, chosen = nodes[cut.node], arranged.cut(cut.choice)
            yes = sides_of(self.columns, chosen)[node.rows]
            left = int(yes[: self._learned(node.rows)].sum())
            self._demand_enough((left, self._learned(node.rows) - left))
            answer += header(len(self.cuts)) + rows_bytes(yes)
            self.cuts.append(chosen)
            sides[cut.node] = yes
        if cuts:
            await channel.send(self.holder, SIDES, at.write(answer))
        return sides


def _pairs(columns: Sequence[CodedColumn], rows: int) -> Iterator[Sequence[CodedColumn]]:
    """Two columns share one pass over the rows where their cells together are fewer than the rows."""
    place = 0
    while place < len(columns):
        two = columns[place : place + 2]
        share = len(two) == 2 and 2 * two[0].cells * two[1].cells < rows
        yield two if share else two[:1]
        place += 2 if share else 1


def _multiply(values: Sequence[gmpy2.mpz], codes: Sequence[Whole], cells: Sequence[int], modulus: gmpy2.mpz) -> _Powers:
    """Of one or two columns by cell the product of the rows' ciphertexts."""
    joint = codes[0] if len(codes) == 1 else codes[0] * cells[1] + codes[1]
    products: list[gmpy2.mpz | None] = [None] * int(np.prod(cells))
    for cell, value in zip(joint.tolist(), values, strict=True):
        before = products[cell]
        products[cell] = value if before is None else before * value % modulus
    if len(codes) == 1:
        return [[gmpy2.mpz(1) if product is None else product for product in products]]
    first, second = [gmpy2.mpz(1)] * cells[0], [gmpy2.mpz(1)] * cells[1]
    for cell, product in enumerate(products):
        if product is not None:
            high, low = divmod(cell, cells[1])
            first[high] = first[high] * product % modulus
            second[low] = second[low] * product % modulus
    return [first, second]


def _by_place(arranged: CutCandidates, powers: _Powers, modulus: gmpy2.mpz) -> list[gmpy2.mpz]:
    """`CutCandidates.places` of encrypted sums."""
    prefixes = []
    for column in powers:
        total, prefix = gmpy2.mpz(1), []
        for power in column:
            total = total * power % modulus
            prefix.append(total)
        prefixes.append(prefix)
    sums = [
        prefixes[cut.column][cut.last] * powers[cut.column][-1] % modulus
        if cut.missing
        else prefixes[cut.column][cut.last]
        for cut in arranged.cuts
    ]
    return sums + [powers[column][cell] for column, order in arranged.categories for cell in order]
