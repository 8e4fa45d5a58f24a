"""Sections of evidence in one file, found by their hash; and documents with their sections after them.

A document with sections is one line of JSON, a line feed, and the sections in the document's order.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from placet.core.errors import InputError, LimitError, NotFoundError
from placet.core.evidence import MAX_SECTIONS, Section
from placet.core.values import to_hex

PIECE = 1 << 20
"""Bytes that are in memory at a time."""


class Sections:
    """Every section is there whole and with the right hash, or not at all."""

    def __init__(self) -> None:
        self._file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this object
        self._places: dict[bytes, tuple[int, int]] = {}

    def add(self, section: Section, pieces: Iterable[bytes]) -> None:
        """Keep a section. InputError unless the pieces have its size and hash."""
        start, size, digest = self._file.seek(0, 2), 0, hashlib.sha256()
        for piece in pieces:
            size += len(piece)
            digest.update(piece)
            self._file.write(piece)
        if size != section.size or digest.digest() != section.hash:
            self._file.truncate(start)
            raise InputError(
                "a section is not the one that was signed",
                expected=f"{section.size} bytes, SHA-256 {to_hex(section.hash)}",
                found=f"{size} bytes, SHA-256 {to_hex(digest.digest())}",
            )
        self._places[section.hash] = (start, size)

    def read(self, section: Section) -> Iterator[bytes]:
        """A section piece by piece. NotFoundError if it is not here."""
        if section.hash not in self._places:
            raise NotFoundError("a section of the evidence is missing", found=to_hex(section.hash))
        at, left = self._places[section.hash]
        while left:
            self._file.seek(at)
            piece = self._file.read(min(left, PIECE))
            yield piece
            at, left = at + len(piece), left - len(piece)


class Body:
    """A document with its sections, as it comes in."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = b""

    def line(self, limit: int, what: str) -> bytes:
        """The document. LimitError if it has more than `limit` bytes."""
        line = bytearray()
        while True:
            before, found, self._held = self._held.partition(b"\n")
            line += before
            if len(line) > limit:
                raise LimitError(f"{what} is too large", expected=f"at most {limit} bytes")
            if found or not self._more():
                return bytes(line)

    def sections(self, wanted: Iterable[Section], into: Sections) -> None:
        """What follows the document: exactly these. InputError or LimitError."""
        total = 0
        for section in wanted:
            total += section.size
            if total > MAX_SECTIONS:
                raise LimitError("too many leaves", expected=f"at most {MAX_SECTIONS} bytes of sections")
            into.add(section, self._exactly(section.size))
        if self._held or self._more():
            raise InputError("something follows the last section", expected="the end")

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size and (self._held or self._more()):
            piece, self._held = self._held[:size], self._held[size:]
            size -= len(piece)
            yield piece

    def _more(self) -> bool:
        self._held = next((piece for piece in self._pieces if piece), b"")
        return bool(self._held)


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """A file's bytes, piece by piece."""
    while piece := file.read(PIECE):
        yield piece
