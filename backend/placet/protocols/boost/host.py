"""A host's side: its columns, and sums over them of numbers that it can't read."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

from placet.core.errors import InputError
from placet.core.framing import header
from placet.models.boosting import Boosting
from placet.models.cuts import CodedColumn, candidates, sides_of
from placet.models.trees import TreeCut
from placet.protocols.boost.ciphers import MAX_KEY_BYTES, PAILLIER, Cipher
from placet.protocols.boost.encrypted import EncryptedColumns
from placet.protocols.boost.host_tree import BlindHostTree, HostTree, OpenHostTree
from placet.protocols.boost.messages import (
    JUDGED,
    KEY,
    SHAPE,
    STANDING,
    At,
    BoostReader,
    write_judged,
    write_shape,
)
from placet.protocols.channel import Channel
from placet.protocols.mpc.ciphertexts import AdditiveKey
from placet.protocols.order import Entropy, secret_permutation
from placet.protocols.work import Progress


@dataclass
class Host:
    """One party without the label. `columns` have a cell for each of all rows; the first `train` are those of training.
    Its candidates are shuffled by `order`. `blind`: it is not told which rows are in which node.

    Call `start` once, then `grow` for each tree but the first. `cuts` are those of its columns that the model makes.
    """

    holder: str
    columns: tuple[CodedColumn, ...]
    train: int
    boosting: Boosting
    cipher: Cipher = PAILLIER
    blind: bool = False
    entropy: Entropy = secrets.token_bytes
    order: Entropy = secrets.token_bytes
    cuts: list[TreeCut] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    """How many cuts there were after each tree."""
    _key: AdditiveKey | None = None

    def __post_init__(self) -> None:
        if not self.columns:
            raise InputError("a host without columns", expected="one or more", found=0)

    @property
    def key(self) -> AdditiveKey:
        if self._key is None:
            raise InputError("the label holder's key is not here yet", remedy="start first")
        return self._key

    @property
    def trees(self) -> int:
        """That stand; the first one, which is the label holder's alone, anyway."""
        return max(1, len(self.counts))

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
        arranged = candidates(self.columns, self.train, lambda count: secret_permutation(count, self.order))
        kind: type[HostTree] = BlindHostTree if self.blind else OpenHostTree
        tree = kind(
            self.holder,
            channel,
            self.trees,
            arranged,
            EncryptedColumns(self.columns, self.key, self.entropy),
            self.train,
            self.boosting,
            self.cuts,
            progress,
        )
        await channel.send(self.holder, SHAPE, At(self.trees, 0).write(write_shape(arranged.shape)))
        await tree.grow()
        self.counts += [0] * (1 - len(self.counts))
        self.counts.append(len(self.cuts))

    async def judge(self, channel: Channel, rows: slice) -> None:
        """After the last tree: tell of these rows on which side of every cut they are, whatever nodes they came to."""
        sides = [sides_of(self.columns, cut)[rows] for cut in self.cuts]
        await channel.send(self.holder, JUDGED, At(self.trees, 0).write(write_judged(sides)))
