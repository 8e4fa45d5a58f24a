"""The name under which a shared library is asked for (DT_SONAME), read from its ELF file.

System V ABI, chapters 4 and 5; 64 bits, little-endian, as all platforms are that this runs on.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from placet.core.errors import ConfigError

_LOAD, _DYNAMIC = 1, 2
_END, _STRTAB, _SONAME = 0, 5, 14


def soname(data: bytes) -> str | None:
    """None for what has no such name, as an executable."""
    try:
        headers = list(_program_headers(data))
        entries = dict(_dynamic(data, headers))
        if _SONAME not in entries:
            return None
        start = _offset(entries[_STRTAB], headers) + entries[_SONAME]
        return data[start : data.index(b"\x00", start)].decode("ascii")
    except (struct.error, KeyError, ValueError):
        raise ConfigError("a library is not an ELF file that can be read", code="enclave.image") from None


def _program_headers(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Type, offset in the file, address in memory, size in the file."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not ELF of 64 bits, little-endian")
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for place in range(count):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, start + place * size)
        yield kind, offset, address, length


def _dynamic(data: bytes, headers: list[tuple[int, int, int, int]]) -> Iterator[tuple[int, int]]:
    for kind, offset, _, length in headers:
        if kind == _DYNAMIC:
            for place in range(offset, offset + length, 16):
                tag, value = struct.unpack_from("<qQ", data, place)
                if tag == _END:
                    return
                yield tag, value


def _offset(address: int, headers: list[tuple[int, int, int, int]]) -> int:
    for kind, offset, begin, length in headers:
        if kind == _LOAD and begin <= address < begin + length:
            return offset + address - begin
    raise ValueError("an address outside of the file")
