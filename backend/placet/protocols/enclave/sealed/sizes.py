"""How large things are that go into an enclave and come out of it; who checks a plan needs the sizes and no cipher."""

from __future__ import annotations

from typing import Final

CHUNK: Final = 65_536
"""Bytes of plaintext in a chunk of an encrypted document."""
TAG: Final = 16
HEADER_SIZE: Final = 16 + 1 + 32 + 1 + 32
MAX_NAME: Final = 1_024
"""Bytes of a document's name in UTF-8."""
MAX_SEALED: Final = 32 + 96 + MAX_NAME + 16
MAX_RESULT: Final = 128 << 20
"""Bytes of a result in the clear."""
MAX_MASKED: Final = MAX_RESULT + 96


def encrypted_size(size: int) -> int:
    """Bytes of the encrypted document for so many bytes of plaintext."""
    return HEADER_SIZE + size + TAG * max(1, -(-size // CHUNK))
