"""What a file of a ceremony says of who contributed: snarkjs's `.ptau` and `.zkey`, read by our own parser.

Both are sections with a type and a size. The section of contributions holds a record of each: what it made of the
secret parts, a proof that it knows its own secret, and a hash of all before. A contribution is recorded on chain as the
SHA-256 of that record. Whether the records are right, and the points are theirs, is snarkjs's to verify; that no other
reader could see other records in the same file is seen to here: every section once, one after the other to the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from placet.core.ceremonies import MAX_CONTRIBUTORS
from placet.core.errors import ConfigError, InputError
from placet.core.statements import FIELD
from placet.protocols.zk.groth16 import PRIME

_WORD = 32
_MAX_NAME = 64
_NAME, _NO_BEACON = 1, 0


@dataclass(frozen=True)
class FileKind:
    """A kind of file. `fixed`: bytes of a contribution before its type; `before`: bytes of the section before their
    number; `per_constraint`: most bytes of a file for each of its 2^power."""

    magic: bytes
    sections: frozenset[int]
    contributions: int
    before: int
    fixed: int
    per_constraint: int

    def limit(self, power: int) -> int:
        """Most bytes of a file."""
        return (self.per_constraint << power) + 200_000


# G1 64 bytes, G2 128. After the contribution τ₁ τ₂ α₁ β₁ β₂; its key of six G1 and three G2; a half-done hash; a hash.
POWERS = FileKind(b"ptau", frozenset({*range(1, 8), *range(12, 16)}), 7, 0, 448 + 768 + 216 + 64, 1_200)
# δ₁ after it; its key of two G1 and one G2; a hash.
KEY = FileKind(b"zkey", frozenset(range(1, 11)), 10, 64, 64 + 256 + 64, 4_096)


def contributions(path: Path, kind: FileKind, power: int) -> tuple[bytes, ...]:
    """SHA-256 of each contribution's record, in order, of a file for 2^power constraints over BN254. ConfigError if it
    can't be read, InputError `ceremony.file` for anything else than such a file, whole and within its limit."""
    try:
        size = path.stat().st_size
        if size > kind.limit(power):
            raise _refused(path, f"at most {kind.limit(power)} bytes", f"{size} bytes")
        with path.open("rb") as file:
            sections = _sections(file, kind, size, path)
            _demand_field(file, kind, sections, power, path)
            begin, length = sections[kind.contributions]
            most = kind.before + 4 + MAX_CONTRIBUTORS * (kind.fixed + 8 + 2 + _MAX_NAME)
            if length > most:
                raise _refused(path, f"at most {most} bytes of contributions", f"{length} bytes")
            return _records(_part(file, begin, length), kind, path)
    except OSError as error:
        raise ConfigError("a ceremony's file can't be read", found=f"{path}: {error.strerror}") from None


def _refused(path: Path, expected: str, found: object) -> InputError:
    return InputError(f"{path.name} is no file of this ceremony", expected=expected, found=found, code="ceremony.file")


def _part(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


def _little(octets: bytes) -> int:
    return int.from_bytes(octets, "little")


def _sections(file: BinaryIO, kind: FileKind, size: int, path: Path) -> Mapping[int, tuple[int, int]]:
    """Where each section begins, and its length."""
    head = file.read(12)
    expected = kind.magic + (1).to_bytes(4, "little")
    if head[:8] != expected or len(head) != 12:
        raise _refused(path, f"a file of type {kind.magic.decode()}, version 1", head[:8].hex())
    sections: dict[int, tuple[int, int]] = {}
    at = 12
    for _ in range(min(_little(head[8:]), len(kind.sections) + 1)):
        entry = _part(file, at, 12)
        name, length = _little(entry[:4]), _little(entry[4:])
        if len(entry) != 12 or name not in kind.sections or name in sections or length > size - at - 12:
            raise _refused(path, "each section once, whole", f"section {name} of {length} bytes")
        sections[name] = (at + 12, length)
        at += 12 + length
    if at != size or _little(head[8:]) != len(sections) or kind.contributions not in sections:
        raise _refused(path, "sections up to its end", f"{len(sections)} sections, {at} of {size} bytes")
    return sections


def _demand_field(
    file: BinaryIO, kind: FileKind, sections: Mapping[int, tuple[int, int]], power: int, path: Path
) -> None:
    """BN254, and the ceremony's own size: of powers that were cut down snarkjs does not verify the last hash."""
    prime = _WORD.to_bytes(4, "little") + PRIME.to_bytes(_WORD, "little")
    if kind is POWERS:
        name, expected = 1, prime + 2 * power.to_bytes(4, "little")
        sound = _part(file, *sections.get(name, (0, 0))) == expected
    else:
        # Protocol 1 is Groth16; then field, order, number of wires, of public inputs, and of constraints.
        header = _part(file, sections.get(2, (0, 0))[0], 84)
        order = _WORD.to_bytes(4, "little") + FIELD.to_bytes(_WORD, "little")
        protocol = _part(file, *sections.get(1, (0, 0))) == (1).to_bytes(4, "little")
        sound = protocol and header[:72] == prime + order and _little(header[80:84]) == 1 << power
    if not sound:
        raise _refused(path, f"BN254 and 2^{power} constraints", "another header")


def _records(section: bytes, kind: FileKind, path: Path) -> tuple[bytes, ...]:
    number, at = _little(section[kind.before : kind.before + 4]), kind.before + 4
    if len(section) < at or number > MAX_CONTRIBUTORS:
        raise _refused(path, f"at most {MAX_CONTRIBUTORS} contributions", number)
    records: list[bytes] = []
    for _ in range(number):
        tail = section[at + kind.fixed : at + kind.fixed + 8]
        length = _little(tail[4:])
        end = at + kind.fixed + 8 + length
        named = section[at + kind.fixed + 8 : end]
        # A beacon is a contribution without a secret.
        if len(tail) != 8 or _little(tail[:4]) != _NO_BEACON or end > len(section) or not _is_name(named):
            raise _refused(path, "contributions of people, with a name or none", f"contribution {len(records) + 1}")
        records.append(hashlib.sha256(section[at:end]).digest())
        at = end
    if at != len(section):
        raise _refused(path, "contributions and nothing more", f"{len(section) - at} bytes more")
    return tuple(records)


def _is_name(parameters: bytes) -> bool:
    """Parameters of a contribution that is no beacon: nothing, or 1, a length, and a name."""
    return not parameters or (
        len(parameters) > 2
        and parameters[0] == _NAME
        and parameters[1] == len(parameters) - 2
        and parameters[1] <= _MAX_NAME
    )
