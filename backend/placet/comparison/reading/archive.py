"""Parts of a ZIP archive, and XML in them, from a stranger: every size is counted while it is read, not believed."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Final
from xml.parsers import expat

from placet.comparison.limits import (
    MAX_DEPTH,
    MAX_DIRECTORY,
    MAX_ENTRIES,
    MAX_EXPANDED,
    MAX_PART,
    MAX_RATIO,
)
from placet.core.errors import DataError

_END: Final = b"PK\x05\x06"
_CHUNK: Final = 1 << 16
_SMALL: Final = 1 << 20
"""Below this a part may be as dense as it likes."""


class Archive:
    """An opened archive. `read` counts what it expands; all parts share MAX_EXPANDED."""

    def __init__(self, data: bytes) -> None:
        _check_directory(data)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error) as error:
            raise _broken(error) from None
        infos = self._zip.infolist()
        if len(infos) > MAX_ENTRIES:
            raise _bomb("entries in the archive", MAX_ENTRIES, len(infos))
        self.names = tuple(info.filename for info in infos)
        if len(set(self.names)) != len(self.names):
            raise DataError("a name is twice in the archive", remedy="save the document anew", code="data.format")
        if any(info.flag_bits & 0x1 for info in infos):
            raise encrypted()
        if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos):
            raise _broken("a compression that DOCX does not know")
        if sum(info.file_size for info in infos) > MAX_EXPANDED:
            raise _bomb("bytes of the archive, expanded", MAX_EXPANDED, sum(info.file_size for info in infos))
        self._left = MAX_EXPANDED

    def read(self, name: str) -> bytes | None:
        """A part's bytes; None if there is no such part."""
        if name not in self.names:
            return None
        info = self._zip.getinfo(name)
        most = min(MAX_PART, self._left, max(_SMALL, info.compress_size * MAX_RATIO))
        pieces, size = [], 0
        try:
            with self._zip.open(info) as part:
                while chunk := part.read(_CHUNK):
                    size += len(chunk)
                    if size > most:
                        raise _bomb(f"bytes of {name[:80]}, expanded", most, f"more than {most}")
                    pieces.append(chunk)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise _broken(error) from None
        self._left -= size
        return b"".join(pieces)


def _check_directory(data: bytes) -> None:
    """Refuses a directory that is large, or says that it is somewhere else, before anything parses it."""
    at = data.rfind(_END, max(len(data) - (1 << 16) - 22, 0))
    if at < 0 or len(data) < at + 22:
        raise _broken("no end of the directory")
    count, size = struct.unpack("<H", data[at + 10 : at + 12])[0], struct.unpack("<I", data[at + 12 : at + 16])[0]
    if count == 0xFFFF or size == 0xFFFFFFFF or count > MAX_ENTRIES or size > MAX_DIRECTORY:
        raise _bomb("entries in the archive", MAX_ENTRIES, count)


def _broken(error: object) -> DataError:
    return DataError(
        "the document is not a whole archive",
        expected="a DOCX file",
        found=error if isinstance(error, str) else type(error).__name__,
        remedy="save the document anew",
        code="data.broken",
    )


def _bomb(what: str, most: int, found: object) -> DataError:
    return DataError(
        "the archive is larger inside than a contract is",
        expected=f"at most {most} {what}",
        found=found,
        remedy="save the document without pictures and embedded files",
        code="data.bomb",
    )


def encrypted(*, opens: bool = False) -> DataError:
    """Of a document that needs a password, or that `opens` without one and forbids what else may be done with it."""
    return DataError(
        "the document is encrypted",
        expected="a document without encryption",
        found="restrictions, under an empty password" if opens else "a password",
        remedy="print it to a new PDF, or save it without restrictions" if opens else "save it without a password",
        code="data.encrypted",
    )


Start = Callable[[str, Mapping[str, str]], None]


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def parse_xml(
    data: bytes,
    *,
    start: Start,
    end: Callable[[str], None],
    text: Callable[[str], None],
    name_of: Callable[[str], str] = _local,
    declare: Callable[[str, str | None], None] | None = None,
) -> None:
    """Calls back for elements and text. A document type, so every entity, is refused.

    Names are local names, or what `name_of` makes of an IRI, a blank and a local name. `declare` hears of a prefix and
    its IRI, and of its end with None.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    if declare is not None:
        hear = declare
        parser.StartNamespaceDeclHandler = lambda prefix, iri: hear(prefix or "", iri or "")
        parser.EndNamespaceDeclHandler = lambda prefix: hear(prefix or "", None)
    depth = 0

    def started(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise _deep(depth)
        start(name_of(name), {name_of(key): value for key, value in attributes.items()})

    def ended(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(name_of(name))

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = started, ended, text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refused
    parser.ExternalEntityRefHandler = _refused
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise DataError(
            "the XML is malformed",
            expected="well-formed XML",
            found=f"{expat.ErrorString(error.code)} in line {error.lineno}",
            remedy="save the document anew",
            code="data.broken",
        ) from None


def _deep(depth: int) -> DataError:
    return DataError(
        "elements are nested too deep",
        expected=f"at most {MAX_DEPTH} levels",
        found=f"{depth}",
        code="data.deep",
    )


def _refused(*_: object) -> int:
    raise DataError(
        "the XML declares a document type or entities",
        expected="XML without DOCTYPE",
        found="DOCTYPE",
        remedy="save the document with a word processor",
        code="data.entities",
    )
