"""Encrypted documents: whole and as committed to, or refused, in memory that does not grow with them."""

from __future__ import annotations

import hashlib
import io
import itertools

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import InputError, StateError
from placet.core.hashing import commit
from placet.protocols.enclave.sealed.documents import (
    DocumentKey,
    Locked,
    _encrypt,
    decrypt,
    encrypt,
)
from placet.protocols.enclave.sealed.sizes import CHUNK, HEADER_SIZE, TAG, encrypted_size

JOB = bytes(range(32))
KEY = DocumentKey(key=bytes(range(32, 64)), salt=bytes(range(64, 96)))
SEALED = CHUNK + TAG


def locked(plain: bytes, key: DocumentKey = KEY) -> tuple[bytes, Locked]:
    out = io.BytesIO()
    told = _encrypt(io.BytesIO(plain), out, key, job=JOB, role="before")
    return out.getvalue(), told


def opened(data: bytes, key: DocumentKey = KEY, job: bytes = JOB, role: str = "before") -> bytes:
    told = data[HEADER_SIZE - 32 : HEADER_SIZE]
    return b"".join(decrypt(io.BytesIO(data).read, key, job=job, role=role, commitment=told))  # type: ignore[arg-type]


def refusal(data: bytes, **changes: object) -> str:
    with pytest.raises(InputError) as caught:
        opened(data, **changes)  # type: ignore[arg-type]
    return caught.value.code


def text(size: int) -> bytes:
    return hashlib.shake_256(b"text").digest(size)


@pytest.mark.parametrize("size", [0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7])
def test_what_was_encrypted_opens(size: int) -> None:
    data, told = locked(text(size))
    assert opened(data) == text(size)
    assert (told.size, told.digest) == (len(data), hashlib.sha256(data).digest())
    assert len(data) == encrypted_size(size)
    assert told.commitment == commit(KEY.salt, text(size))


@given(st.binary(max_size=300))
def test_small_ones_open_too(plain: bytes) -> None:
    data, _ = locked(plain)
    assert opened(data) == plain
    assert len(plain) < 8 or plain not in data[HEADER_SIZE:]


def test_the_layout_is_the_documented_one() -> None:
    plain = text(CHUNK + 5)
    data, told = locked(plain)
    header = b"placet.document/" + b"\x01" + JOB + b"\x01" + told.commitment
    aead = AESGCM(KEY.key)
    first = aead.encrypt(bytes(7) + b"\0\0\0\0" + b"\0", plain[:CHUNK], header)
    last = aead.encrypt(bytes(7) + b"\0\0\0\1" + b"\1", plain[CHUNK:], header)
    assert data == header + first + last


def test_every_flipped_bit_and_every_cut_of_a_small_one_is_refused() -> None:
    data, _ = locked(b"a clause")
    for place in range(8 * len(data)):
        bad = bytearray(data)
        bad[place // 8] ^= 1 << place % 8
        assert refusal(bytes(bad)) in ("document.header", "document.altered")
    for length in range(len(data)):
        assert refusal(data[:length]) in ("document.header", "document.altered")


def test_chunks_stay_where_and_how_many_they_are() -> None:
    data, _ = locked(text(3 * CHUNK))
    header, chunks = data[:HEADER_SIZE], [data[HEADER_SIZE + i * SEALED :][:SEALED] for i in range(3)]
    for order in itertools.permutations(range(3)):
        arranged = header + b"".join(chunks[i] for i in order)
        if order == (0, 1, 2):
            assert opened(arranged) == text(3 * CHUNK)
        else:
            assert refusal(arranged) == "document.altered"
    for other in (chunks[:2], chunks[1:], [chunks[0], chunks[2]], [*chunks, chunks[2]], [*chunks, b"\0"], []):
        assert refusal(header + b"".join(other)) == "document.altered"


def test_an_empty_last_chunk_is_not_a_second_spelling() -> None:
    data, _ = locked(text(CHUNK))
    header = data[:HEADER_SIZE]
    aead = AESGCM(KEY.key)
    first = aead.encrypt(bytes(7) + bytes(4) + b"\0", text(CHUNK), header)
    last = aead.encrypt(bytes(7) + b"\0\0\0\1" + b"\1", b"", header)
    assert refusal(header + first + last) == "document.altered"


def test_chunks_of_another_document_under_the_same_key_are_refused() -> None:
    one, _ = locked(text(CHUNK) + b"one")
    other, _ = locked(text(CHUNK) + b"two")
    assert refusal(one[:-19] + other[-19:]) == "document.altered"


def test_another_job_role_key_or_salt_is_refused() -> None:
    data, _ = locked(b"a clause")
    assert refusal(data, job=bytes(32)) == "document.header"
    assert refusal(data, role="after") == "document.header"
    assert refusal(data, key=DocumentKey(key=bytes(32), salt=KEY.salt)) == "document.altered"
    assert refusal(data, key=DocumentKey(key=KEY.key, salt=bytes(32))) == "document.other"


def test_what_opens_but_is_not_what_the_header_commits_to_is_refused() -> None:
    """As where a ciphertext was made to open under two keys."""
    header = locked(b"a clause")[0][:HEADER_SIZE]
    forged = header + AESGCM(KEY.key).encrypt(bytes(11) + b"\1", b"a clausf", header)
    assert refusal(forged) == "document.other"


class Watched(io.BytesIO):
    largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None and size > 0, "reads without a limit"
        self.largest = max(self.largest, size)
        return super().read(size)


def test_no_more_than_two_chunks_are_held() -> None:
    source, out = Watched(text(20 * CHUNK)), io.BytesIO()
    told = _encrypt(source, out, KEY, job=JOB, role="before")
    assert source.largest == CHUNK
    sealed = Watched(out.getvalue())
    chunks = decrypt(sealed.read, KEY, job=JOB, role="before", commitment=told.commitment)
    next(chunks)
    assert sealed.tell() == HEADER_SIZE + 2 * SEALED
    assert sum(map(len, chunks)) == 19 * CHUNK


def test_a_pipe_that_gives_less_at_a_time_is_read_on() -> None:
    data, told = locked(text(CHUNK + 100))
    source = io.BytesIO(data)
    chunks = decrypt(lambda size: source.read(min(size, 1000)), KEY, job=JOB, role="before", commitment=told.commitment)
    assert b"".join(chunks) == text(CHUNK + 100)


def test_a_document_that_another_commitment_was_made_to_does_not_open() -> None:
    data, told = locked(text(100))
    with pytest.raises(InputError) as caught:
        list(decrypt(io.BytesIO(data).read, KEY, job=JOB, role="before", commitment=commit(KEY.salt, text(101))))
    assert caught.value.code == "document.header"
    assert list(decrypt(io.BytesIO(data).read, KEY, job=JOB, role="before", commitment=told.commitment)) == [text(100)]


class Changing(io.BytesIO):
    """Another content when it is read again."""

    def seek(self, place: int, whence: int = 0, /) -> int:
        self.getbuffer()[3] ^= 1
        return super().seek(place, whence)


def test_a_document_that_changes_meanwhile_is_refused() -> None:
    with pytest.raises(StateError) as caught:
        encrypt(Changing(b"a clause"), io.BytesIO(), job=JOB, role="before")
    assert caught.value.code == "document.changed"


def test_every_encryption_has_a_key_of_its_own() -> None:
    (_, first), (_, second) = (encrypt(io.BytesIO(b"a clause"), io.BytesIO(), job=JOB, role="before") for _ in range(2))
    assert first.key != second.key and first.salt != second.salt


def test_keys_do_not_show() -> None:
    fresh = DocumentKey.fresh()
    assert fresh != DocumentKey.fresh()
    assert fresh.key.hex() not in repr(fresh) and str(fresh.key) not in repr(fresh)
