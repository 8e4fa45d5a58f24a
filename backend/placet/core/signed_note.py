"""Signed notes, checkpoints of logs and cosignatures of witnesses, as C2SP has them.

https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint, https://c2sp.org/tlog-cosignature (Ed25519,
`cosignature/v1`). A note is read only in the form in which it is written.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, replace

from placet.core.errors import InputError, LimitError
from placet.core.hashing import sha256

MAX_NOTE = 64 << 10
"""Bytes of a note."""
MAX_SIGNATURES = 64
COSIGNATURE = 4
"""The signature type of timestamped Ed25519 cosignatures."""
_NAME = re.compile(r"[^\s+\x00-\x1f]{1,200}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class NoteSignature:
    """A line below a note: the key's name, its id (4 bytes), what it signed with."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True)
class SignedNote:
    """A text that ends in a line feed, and signatures over it."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """As a file holds it."""
        lines = (f"— {one.name} {_base64(one.key_id + one.signature)}\n" for one in self.signatures)
        return f"{self.text}\n{''.join(lines)}".encode()

    def with_signature(self, signature: NoteSignature) -> SignedNote:
        """The same with one more; one by the same key makes room."""
        others = (one for one in self.signatures if (one.name, one.key_id) != (signature.name, signature.key_id))
        return replace(self, signatures=(*others, signature))


def parse_note(raw: bytes) -> SignedNote:
    """A note. InputError or LimitError for anything else."""
    if len(raw) > MAX_NOTE:
        raise LimitError("the note is too large", expected=f"at most {MAX_NOTE} bytes", found=len(raw))
    try:
        text, blank, below = raw.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise _malformed("UTF-8") from None
    lines = below.split("\n")
    if not blank or not text or lines.pop() != "" or not lines or _has_controls(text + below):
        raise _malformed("text, a blank line and signatures")
    if len(lines) > MAX_SIGNATURES:
        raise LimitError("the note has too many signatures", expected=f"at most {MAX_SIGNATURES}", found=len(lines))
    return SignedNote(text + "\n", tuple(map(_signature, lines)))


def _signature(line: str) -> NoteSignature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    raw = _from_base64(encoded)
    if dash != "—" or not _NAME.fullmatch(name) or len(raw) < 5:
        raise _malformed("— NAME BASE64")
    return NoteSignature(name, raw[:4], raw[4:])


def _has_controls(text: str) -> bool:
    return any(character < " " and character != "\n" for character in text)


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: its name, how many leaves it has, the RFC 6962 root over them; `extensions` are lines that
    the log adds."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What is signed."""
        return "\n".join((self.origin, str(self.size), _base64(self.root), *self.extensions, ""))


def parse_checkpoint(text: str) -> Checkpoint:
    """A note's text as a checkpoint. InputError if it is none."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "" or not all(lines) or not _SIZE.fullmatch(lines[1]):
        raise InputError("not a checkpoint", expected="lines of origin, size and root hash")
    root = _from_base64(lines[2])
    if len(root) != 32:
        raise InputError("not a checkpoint", expected="a root hash of 32 bytes", found=f"{len(root)} bytes")
    return Checkpoint(lines[0], int(lines[1]), root, tuple(lines[3:]))


@dataclass(frozen=True)
class WitnessKey:
    """Who cosigns: a name that looks like a URL without its scheme, and an Ed25519 public key (32 bytes)."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode(), b"\n", bytes([COSIGNATURE]), self.public)[:4]

    @property
    def vkey(self) -> str:
        """The key in one line (`NAME+ID+KEY`)."""
        return f"{self.name}+{self.id.hex()}+{_base64(bytes([COSIGNATURE]) + self.public)}"


def parse_vkey(line: str) -> WitnessKey:
    """InputError for what is no such line of a witness's key, or one whose id is not its own."""
    name, _, rest = line.strip().partition("+")
    ident, _, encoded = rest.partition("+")
    raw = _from_base64(encoded)
    if not _NAME.fullmatch(name) or len(raw) != 33 or raw[0] != COSIGNATURE:
        raise InputError("not a witness's key", expected="NAME+ID+KEY of an Ed25519 cosigner", found=line[:100])
    key = WitnessKey(name, raw[1:])
    if key.id.hex() != ident:
        raise InputError("a witness's key is mistyped", expected=f"id {key.id.hex()}", found=ident[:100])
    return key


def cosigned_message(text: str, timestamp: int) -> bytes:
    """What a witness signs of a checkpoint at a Unix time."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def cosignature_line(key: WitnessKey, timestamp: int, signature: bytes) -> NoteSignature:
    """The line below the note."""
    return NoteSignature(key.name, key.id, timestamp.to_bytes(8, "big") + signature)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _from_base64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _malformed("base64") from None
    if _base64(raw) != text:
        raise _malformed("base64 in its one form")
    return raw


def _malformed(expected: str) -> InputError:
    return InputError("not a signed note", expected=expected)
