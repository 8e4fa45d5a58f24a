"""Cosignatures of witnesses over checkpoints of a deployment's events, and the blocks that enough of them vouch for.

A witness's checkpoint is over the log of all events of a deployment: leaf i is the hash of the i-th (`core.event_log`).
Its extension line names the block up to which the log goes. Where k of n witnesses signed the same checkpoint, its
block is one that all of them saw.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from placet.core.errors import InputError, SignatureError
from placet.core.hashing import document_hash
from placet.core.signed_note import (
    Checkpoint,
    SignedNote,
    WitnessKey,
    cosignature_line,
    cosigned_message,
    parse_checkpoint,
)
from placet.core.trust import Deployment
from placet.core.values import from_hex, to_hex

_BLOCK = re.compile(r"block (0|[1-9][0-9]{0,15}) (0x[0-9a-f]{64})")


def log_origin(deployment: Deployment) -> str:
    """The name of the log of a deployment's events, the same for everybody who has this deployment file."""
    return f"placet/{deployment.chain_id}/{document_hash(deployment).hex()}"


@dataclass(frozen=True)
class WitnessedBlock:
    """The block up to which a witness had read when it signed: the checkpoint, and the block's number and hash."""

    checkpoint: Checkpoint
    number: int
    hash: bytes

    @classmethod
    def of(cls, origin: str, size: int, root: bytes, block: tuple[int, bytes]) -> WitnessedBlock:
        """As a witness makes it."""
        number, hash_ = block
        return cls(Checkpoint(origin, size, root, (f"block {number} {to_hex(hash_)}",)), number, hash_)

    @classmethod
    def read(cls, text: str) -> WitnessedBlock:
        """Out of a note's text. InputError for a checkpoint of another kind."""
        checkpoint = parse_checkpoint(text)
        line = _BLOCK.fullmatch(checkpoint.extensions[0]) if len(checkpoint.extensions) == 1 else None
        if line is None:
            raise InputError("not a checkpoint of a deployment's events", expected="one extension line: block N HASH")
        return cls(checkpoint, int(line[1]), from_hex(line[2], size=32))


def cosign(note: SignedNote, key: WitnessKey, secret: Ed25519PrivateKey, timestamp: int) -> SignedNote:
    """The note with the witness's line."""
    signature = secret.sign(cosigned_message(note.text, timestamp))
    return note.with_signature(cosignature_line(key, timestamp, signature))


def cosigners(note: SignedNote, witnesses: Iterable[WitnessKey]) -> dict[WitnessKey, int]:
    """Which of these witnesses signed it, and when (Unix seconds). Lines by others are passed over. SignatureError
    where a line is by one of them, by its name and id, and does not verify: then the note is refused as a whole."""
    known = {(key.name, key.id): key for key in witnesses}
    signed: dict[WitnessKey, int] = {}
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is None:
            continue
        timestamp = int.from_bytes(line.signature[:8], "big")
        try:
            if len(line.signature) != 72 or timestamp >= 1 << 63:
                raise InvalidSignature
            public = Ed25519PublicKey.from_public_bytes(key.public)
            public.verify(line.signature[8:], cosigned_message(note.text, timestamp))
        except (InvalidSignature, ValueError):
            raise SignatureError("a witness's cosignature does not verify", found=key.name) from None
        signed[key] = timestamp
    return signed


@dataclass(frozen=True)
class VouchedBlock:
    """A block that enough witnesses signed in one and the same checkpoint, and the names of those who did."""

    shown: WitnessedBlock
    witnesses: tuple[str, ...]


def vouched(
    notes: Iterable[SignedNote], witnesses: Sequence[WitnessKey], quorum: int, origin: str
) -> dict[int, VouchedBlock]:
    """Blocks by number that at least `quorum` of these witnesses signed in one and the same checkpoint.
    SignatureError for a forged line; InputError for notes about another log, and where as many as that signed
    another checkpoint of the same block."""
    keys = {key.public: key for key in witnesses}
    if not 1 <= quorum <= len(keys):
        raise InputError("no such quorum", expected=f"1 to {len(keys)}, as many as there are witnesses", found=quorum)
    behind: dict[str, set[bytes]] = defaultdict(set)
    for note in notes:
        shown = WitnessedBlock.read(note.text)
        if shown.checkpoint.origin != origin:
            raise InputError("a checkpoint of another log", expected=origin, found=shown.checkpoint.origin)
        behind[note.text] |= {key.public for key in cosigners(note, keys.values())}
    blocks: dict[int, VouchedBlock] = {}
    for text, signers in behind.items():
        if len(signers) < quorum:
            continue
        shown = WitnessedBlock.read(text)
        if shown.number in blocks:
            raise InputError(
                "witnesses signed two checkpoints of one block",
                found=f"block {shown.number}",
                remedy="placet witness compare shows whose they are",
            )
        blocks[shown.number] = VouchedBlock(shown, tuple(sorted(keys[public].name for public in signers)))
    return blocks
