"""Sections of evidence in one file, found by their hash; and documents with their sections after them.

A document with sections is one line of JSON, a line feed, and the sections in the document's order.
"""

from __future__ import annotations

import hashlib
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from placet.core.errors import ConfigError, InputError, LimitError, NotFoundError
from placet.core.evidence import Section
from placet.core.values import to_hex

PIECE = 1 << 20
"""Bytes that are in memory at a time."""


class Sections:
    """Every section is there whole and with the right hash, or not at all.

    ConfigError `audit.disk` where this machine has no room for them: that is nobody's evidence that is missing.
    """

    def __init__(self) -> None:
        try:  # unbuffered: a buffer that could not be written would come up again with every later call
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as this object
        except OSError as error:
            raise _no_room(error) from None
        weakref.finalize(self, self._file.close)
        self._places: dict[bytes, tuple[int, int]] = {}

    def demand_readable(self) -> None:
        """Nothing here: whatever was kept can be read. See `placet.audit.browser` for where it can't."""

    def add(self, section: Section, pieces: Iterable[bytes]) -> None:
        """Keep a section, once. InputError unless the pieces have its size and hash."""
        start, size, digest = self._file.seek(0, 2), 0, hashlib.sha256()
        known = section.hash in self._places
        try:
            for piece in pieces:
                size += len(piece)
                digest.update(piece)
                if not known:
                    self._write(piece)
            if size != section.size or digest.digest() != section.hash:
                raise InputError(
                    "a section is not the one that was signed",
                    expected=f"{section.size} bytes, SHA-256 {to_hex(section.hash)}",
                    found=f"{size} bytes, SHA-256 {to_hex(digest.digest())}",
                )
        except BaseException:
            self._file.truncate(start)
            raise
        self._places.setdefault(section.hash, (start, size))

    def _write(self, piece: bytes) -> None:
        left = memoryview(piece)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise _no_room(error) from None

    def all(self, sections: Iterable[tuple[Section, Iterable[bytes]]]) -> None:
        """Keep these sections, or none of them."""
        before, end = dict(self._places), self._file.seek(0, 2)
        try:
            for section, pieces in sections:
                self.add(section, pieces)
        except BaseException:
            self._places = before
            self._file.truncate(end)
            raise

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
            before, newline, self._held = self._held.partition(b"\n")
            line += before
            if len(line) > limit:
                raise LimitError(f"{what} is too large", expected=f"at most {limit} bytes")
            if newline or not self._more():
                return bytes(line)

    def sections(self, sections: Iterable[Section], into: Sections) -> None:
        """What follows the document: exactly these, or none is kept. InputError."""
        into.all(self._each(sections))

    def _each(self, sections: Iterable[Section]) -> Iterator[tuple[Section, Iterable[bytes]]]:
        for section in sections:
            yield section, self._exactly(section.size)
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


def _no_room(error: OSError) -> ConfigError:
    return ConfigError(
        "evidence can't be kept on this machine",
        found=error.strerror or type(error).__name__,
        remedy="make room, or set TMPDIR to a folder that has some, and start again",
        code="audit.disk",
    )


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """A file's bytes, piece by piece."""
    while piece := file.read(PIECE):
        yield piece
