"""A document as it leaves its owner: AES-256-GCM in chunks under a key of its own, so that memory stays small.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: *Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance*, CRYPTO 2015): a chunk's nonce holds its number and whether it is the last one, so
chunks can't be changed, swapped, left out, added or cut off. The header is associated data of every chunk.

    document = header ‖ chunk₀ ‖ chunk₁ ‖ …      header = magic(16) ‖ version(1) ‖ job(32) ‖ role(1) ‖ commitment(32)
    chunkᵢ   = AES-256-GCM(data key, nonce = 0⁷ ‖ i(4) ‖ last(1), plaintext, header), tag last

Every chunk but the last holds `CHUNK` bytes; the last one holds at least one, except in an empty document. The
commitment is salted, over the plaintext; it pins the plaintext also where a ciphertext was made to open under two keys.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from placet.core.enclave_policy import ROLES, Role
from placet.core.errors import InputError, LimitError, StateError
from placet.core.hashing import commit_digest
from placet.core.ids import JobId
from placet.protocols.enclave.sealed.sizes import CHUNK, HEADER_SIZE, TAG
from placet.protocols.enclave.sealed.task import role_byte

MAGIC: Final = b"placet.document/"
VERSION: Final = 1
_MAX_CHUNKS: Final = 2**32


@dataclass(frozen=True, kw_only=True)
class Header:
    job: JobId
    role: Role
    commitment: bytes

    def encode(self) -> bytes:
        return MAGIC + bytes([VERSION]) + self.job + role_byte(self.role) + self.commitment


@dataclass(frozen=True, kw_only=True)
class DocumentKey:
    """What opens one document: its key, and the salt of its commitment."""

    key: bytes
    salt: bytes

    @classmethod
    def fresh(cls, salt: bytes | None = None) -> DocumentKey:
        """A new key; with `salt` for a document that was committed to before."""
        return cls(key=secrets.token_bytes(32), salt=secrets.token_bytes(32) if salt is None else salt)

    def __repr__(self) -> str:
        return "DocumentKey(…)"


@dataclass(frozen=True, kw_only=True)
class Locked:
    """An encrypted document as others know it: SHA-256 and length of all its bytes, and the commitment to its text."""

    digest: bytes
    size: int
    commitment: bytes


class Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


class Hashing:
    """What is read or written goes on, and into a SHA-256."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.size = 0

    def pass_on(self, data: bytes) -> bytes:
        self._digest.update(data)
        self.size += len(data)
        return data

    def digest(self) -> bytes:
        return self._digest.digest()


def commit(source: BinaryIO, salt: bytes) -> bytes:
    """The commitment to a document, read from where it stands."""
    plain = Hashing()
    while chunk := source.read(CHUNK):
        plain.pass_on(chunk)
    return commit_digest(salt, plain.digest())


def encrypt(
    source: BinaryIO, target: Sink, *, job: JobId, role: Role, salt: bytes | None = None
) -> tuple[Locked, DocumentKey]:
    """Read `source` (seekable) twice from where it stands: once for the commitment, once to encrypt it under a key of
    this call's own, since nonces start from zero. StateError if the document changed in between. `salt` is that of a
    commitment that was made before.
    """
    key = DocumentKey.fresh(salt)
    return _encrypt(source, target, key, job=job, role=role), key


def _encrypt(source: BinaryIO, target: Sink, key: DocumentKey, *, job: JobId, role: Role) -> Locked:
    start = source.tell()
    plain = Hashing()
    while chunk := source.read(CHUNK):
        plain.pass_on(chunk)
    if plain.size > CHUNK * (_MAX_CHUNKS - 1):
        raise LimitError("the document is too long for its format", found=f"{plain.size} bytes")
    source.seek(start)
    header = Header(job=job, role=role, commitment=commit_digest(key.salt, plain.digest())).encode()
    again, written = Hashing(), Hashing()
    target.write(written.pass_on(header))
    cipher = AESGCM(key.key)
    for number, chunk, last in _chunks(source.read, CHUNK):
        sealed = cipher.encrypt(_nonce(number, last), again.pass_on(chunk), header)
        target.write(written.pass_on(sealed))
    if again.digest() != plain.digest():
        raise StateError(
            "the document changed while it was encrypted",
            remedy="encrypt it again, with a new key",
            code="document.changed",
        )
    return Locked(digest=written.digest(), size=written.size, commitment=header[-32:])


def decrypt(
    read: Callable[[int], bytes], key: DocumentKey, *, job: JobId, role: Role, commitment: bytes
) -> Iterator[bytes]:
    """The plaintext, chunk by chunk, each one authentic; only after the last one is it known to be whole and the one
    that `commitment` is to. InputError `document.header`, `document.altered` or `document.other`."""
    header = _header(_exactly(read, HEADER_SIZE))
    pairs = (("job", header.job, job), ("role", header.role, role), ("text", header.commitment, commitment))
    for name, found, expected in pairs:
        if found != expected:
            raise InputError(f"the document is for another {name}", code="document.header")
    plain, cipher, associated = Hashing(), AESGCM(key.key), header.encode()
    for number, sealed, last in _chunks(read, CHUNK + TAG):
        try:
            chunk = cipher.decrypt(_nonce(number, last), sealed, associated)
        except (InvalidTag, ValueError):
            raise _altered(f"chunk {number}") from None
        if not chunk and number > 0:
            raise _altered("an empty last chunk")
        yield plain.pass_on(chunk)
    if commit_digest(key.salt, plain.digest()) != header.commitment:
        raise InputError("the document is not the one that its header commits to", code="document.other")


def _chunks(read: Callable[[int], bytes], size: int) -> Iterator[tuple[int, bytes, bool]]:
    """Number, content, and whether it is the last one: of an empty source, one empty chunk."""
    number, chunk = 0, _up_to(read, size)
    while True:
        following = _up_to(read, size) if len(chunk) == size else b""
        yield number, chunk, not following
        if not following:
            return
        number, chunk = number + 1, following
        if number >= _MAX_CHUNKS:
            raise LimitError("the document is too long for its format", found="2^32 chunks")


def _nonce(number: int, last: bool) -> bytes:
    return bytes(7) + number.to_bytes(4, "big") + bytes([last])


def _header(data: bytes) -> Header:
    start = len(MAGIC)
    if data[:start] != MAGIC or data[start] != VERSION:
        raise InputError("not an encrypted document of this version", code="document.header")
    role = data[start + 33]
    if not 1 <= role <= len(ROLES):
        raise InputError("the document has an unknown role", found=role, code="document.header")
    return Header(job=JobId(data[start + 1 : start + 33]), role=ROLES[role - 1], commitment=data[start + 34 :])


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    data = _up_to(read, size)
    if len(data) != size:
        raise InputError("the document ends inside its header", code="document.header")
    return data


def _up_to(read: Callable[[int], bytes], size: int) -> bytes:
    """`size` bytes, or fewer at the end: a pipe may give less at a time."""
    data = read(size)
    while len(data) < size and (more := read(size - len(data))):
        data += more
    return data


def _altered(where: str) -> InputError:
    return InputError(
        "the document does not open: altered, cut short, or under another key", found=where, code="document.altered"
    )
