"""Making a batch file out of signed consents in any order, in memory of some 50 bytes a consent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np

from placet.core.batch_file import MAX_COUNT, MAX_LINE, BatchHeader, LineCheck, at_line
from placet.core.errors import ConfigError, InputError, PlacetError
from placet.core.hashing import document_bytes
from placet.core.ids import ConsentId
from placet.core.merkle import batch_root
from placet.core.offers import Offer, Scope


def make_batch(check: LineCheck, offer: Offer, scope: Scope, source: BinaryIO, out: Path) -> BatchHeader:
    """Write the batch file `out`, which must not exist, whole or not at all. InputError names a line that is no
    consent, or the same as another."""
    ids, starts, odd = _places(check, source)
    if not starts:
        raise InputError("a batch has at least one consent", expected="one line or more", found=0)
    order = np.argsort(np.frombuffer(ids, dtype="S32"), kind="stable").tolist()
    leaves = [ConsentId(bytes(ids[32 * place : 32 * place + 32])) for place in order]
    for one, other, place in zip(leaves, leaves[1:], order[1:], strict=False):
        if one == other:
            raise InputError(f"line {place + 1}: a consent stands twice", code="batch.order")
    header = BatchHeader(offer=offer, scope=scope, count=len(leaves), root=batch_root(leaves))
    fresh = out.with_name(f".{out.name}.new")
    if out.exists():
        raise ConfigError("the file can't be made", expected="no file yet", found=out)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb", buffering=1 << 20) as sink:
        sink.write(document_bytes(header) + b"\n")
        for place in order:
            source.seek(starts[place])
            raw = source.readline(MAX_LINE + 1)
            sink.write(check.normal_line(_bare(raw))[0] + b"\n" if place in odd else raw)
        sink.flush()
        os.fsync(sink.fileno())
    fresh.rename(out)
    return header


def _places(check: LineCheck, source: BinaryIO) -> tuple[bytearray, list[int], set[int]]:
    """The consents' ids, where their lines begin, and which lines are not yet in their one form."""
    ids, starts, odd, at = bytearray(), list[int](), set[int](), 0
    while raw := source.readline(MAX_LINE + 1):
        number = len(starts) + 1
        try:
            if not raw.endswith(b"\n"):
                raise InputError("too long, or without a line feed", expected=f"at most {MAX_LINE} bytes and one")
            if number > MAX_COUNT:
                raise InputError("too many consents for one batch", expected=f"at most {MAX_COUNT}")
            line, consent = check.normal_line(_bare(raw))
            ids += check.identity(consent)
            if line != raw[:-1]:
                odd.add(len(starts))
        except PlacetError as error:
            raise at_line(number, error) from None
        starts.append(at)
        at += len(raw)
    return ids, starts, odd


def _bare(raw: bytes) -> bytes:
    """A line without its end, nor the byte order mark that Windows tools put before the first."""
    return raw.removesuffix(b"\n").removesuffix(b"\r").removeprefix(b"\xef\xbb\xbf")
