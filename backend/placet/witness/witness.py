"""The witness itself: from its last checkpoint to a newer one, or not at all.

            last checkpoint: block N, hash H, tree
                   │ the chain's block N has another hash ───────────────▶ StateError `witness.fork`, both are kept
                   ▼ H
            headers N+1 … M, each hashing to what the chain says, each the child of the one before
                   │ its Bloom filter may hold a contract of ours
                   ▼
            all receipts of the block, under its header: each log of ours is a leaf
                   ▼
            checkpoint of block M, signed; it replaces the last one

Nothing is believed of the endpoint but which chain it shows: headers are hashed, receipts are put into their trie.
"""

from __future__ import annotations

import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from placet.chain import event_types, proofs
from placet.chain.client import Chain
from placet.chain.processes import locked
from placet.core.block_header import SealedHeader, bloom_bits, read_header, read_logs
from placet.core.cosigning import WitnessedBlock, cosign, log_origin
from placet.core.errors import ChainError, StateError
from placet.core.event_log import LogEntry
from placet.core.merkle import Rfc6962Tree, rfc6962_leaf
from placet.core.signed_note import SignedNote, WitnessKey
from placet.core.values import to_hex
from placet.witness.settings import WitnessSettings
from placet.witness.state import WitnessFork, keep, load, replace

STEP = 5_000
"""Blocks after which a witness that has far to go signs, so that it need not begin again."""


def witness_key(name: str, secret: Ed25519PrivateKey) -> WitnessKey:
    """The public part."""
    return WitnessKey(name, secret.public_key().public_bytes_raw())


class Witness:
    """One deployment at one endpoint, one key, one folder."""

    def __init__(self, settings: WitnessSettings, chain: Chain, secret: Ed25519PrivateKey) -> None:
        self.settings, self._chain, self._secret = settings, chain, secret
        self.key = witness_key(settings.name, secret)
        self.origin = log_origin(chain.deployment)
        self._contracts = event_types.addresses(chain.deployment)

    def once(self) -> WitnessedBlock | None:
        """Sign up to the newest confirmed block whose number is a multiple of `every`; None where nothing is newer.
        StateError `witness.fork` where the chain does not hold what was signed, ChainError where it can't be read or is
        shorter, ConfigError where the folder does not fit."""
        self._chain.check()
        with locked(self.settings.folder):
            return self._follow()

    def _follow(self) -> WitnessedBlock | None:
        newest: WitnessedBlock | None = None
        every, first = self.settings.every, self._chain.deployment.block
        target = self._chain.confirmed() // every * every
        while True:
            loaded = load(self.settings.folder, self.origin)
            if loaded is not None:
                self._demand_held(loaded[0], loaded[1])
            start = first if loaded is None else loaded[1].number + 1
            if target < start:
                return newest
            stop = min(target, (start + STEP) // every * every)
            newest = self._extend(loaded, start, stop if stop >= start else target)

    def _extend(
        self, loaded: tuple[SignedNote, WitnessedBlock, Rfc6962Tree] | None, start: int, stop: int
    ) -> WitnessedBlock:
        tree = Rfc6962Tree() if loaded is None else loaded[2]
        parent = None if loaded is None else loaded[1].hash
        header: SealedHeader | None = None
        for row, raw in proofs.headers(self._chain.rpc, range(start, stop + 1)):
            header = read_header(raw)
            if parent is not None and header.parent != parent:
                raise ChainError("the chain was reorganised while it was read", remedy="again", code="chain.moving")
            parent = header.hash
            if any(header.bloom & bits == bits for bits in map(bloom_bits, self._contracts)):
                for log in read_logs(header, proofs.receipts(self._chain.rpc, row, header)):
                    if log.address in self._contracts:
                        tree.add(rfc6962_leaf(LogEntry(header.number, header.hash, log).encoded()))
        if header is None:
            raise ChainError("the endpoint showed no block", expected=stop, code="chain.answer")
        block = WitnessedBlock.of(self.origin, tree.size, tree.root(), (header.number, header.hash))
        note = cosign(SignedNote(block.checkpoint.text, ()), self.key, self._secret, int(time.time()))
        keep(self.settings.folder, note, tree)
        return block

    def _demand_held(self, note: SignedNote, last: WitnessedBlock) -> None:
        """The chain still has the block that was signed."""
        if self._chain.head().number < last.number:
            raise ChainError(
                "the endpoint is behind what was signed", expected=f"block {last.number}", code="chain.behind"
            )
        ((_, raw),) = proofs.headers(self._chain.rpc, [last.number])
        header = read_header(raw)
        if header.hash == last.hash:
            return
        file = self.settings.folder / f"fork-{last.number}-{header.hash.hex()[:16]}.json"
        fork = WitnessFork(note=note.encode().decode(), header=raw)
        replace(file, fork.model_dump_json().encode())
        raise StateError(
            "the chain does not hold what this witness signed",
            expected=f"block {last.number} is {to_hex(last.hash)}",
            found=to_hex(header.hash),
            remedy=f"nothing is signed any more; {file} keeps both: show it to the other witnesses",
            code="witness.fork",
        )
