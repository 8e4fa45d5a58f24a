"""Private set intersection of two parties' identifiers by SPU: ECDH on Curve25519, KKRT, RR22.

Who receives learns which of its identifiers the peer has too; this is disclosed while the protocol runs. ECDH:
Meadows 1986, Huberman, Franklin, Hogg 1999. KKRT: Kolesnikov, Kumaresan, Rosulek, Trieu, "Efficient batched oblivious
PRF with applications to private set intersection", CCS 2016. RR22: Raghuraman, Rindal, "Blazing fast PSI from improved
OKVS and subfield VOLE", CCS 2022.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from placet.core.errors import DataError, InputError, LimitError
from placet.protocols.spu.network import Network
from placet.protocols.spu.process import Spare, link_of, run, write_key
from placet.protocols.spu.task import IDENTIFIERS_FILE, ROWS_FILE, Done, PsiProtocol, PsiTask
from placet.protocols.work import Progress

MAX_IDENTIFIERS = 1 << 24
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Intersection:
    """`rows`: places, in the list that was given, of what the peer has too, ascending; None for who gets no result."""

    rows: Rows | None = field(repr=False)

    @property
    def size(self) -> int | None:
        return None if self.rows is None else len(self.rows)


async def intersect(
    network: Network,
    identifiers: Sequence[bytes | str],
    protocol: PsiProtocol,
    *,
    receiver: int | None,
    scratch: Path,
    seconds: float,
    progress: Progress | None = None,
    spare: Spare | None = None,
) -> Intersection:
    """Both parties call this with the same network, protocol and receiver (a rank; None for both), each with its own
    distinct identifiers. `spare`: a process that may have started already.

    DataError for a duplicate or an empty list, LimitError for too many, and `process.run`'s errors.
    """
    if len(network.members) != 2:
        raise InputError("SPU's PSI is between two parties", expected=2, found=len(network.members))
    if not identifiers:
        raise DataError("no identifiers", expected="at least one", found=0)
    if len(identifiers) > MAX_IDENTIFIERS:
        raise LimitError("too many identifiers", expected=f"at most {MAX_IDENTIFIERS}", found=len(identifiers))
    task = PsiTask.model_validate({"link": link_of(network).to_json(), "protocol": protocol, "receiver": receiver})

    def prepare(folder: Path) -> None:
        write_key(network, folder)
        write_identifiers(folder, network.session, identifiers)

    return await run(
        task,
        prepare=prepare,
        collect=lambda folder, done: Intersection(
            None if done.items is None else _rows(folder, done, len(identifiers))
        ),
        scratch=scratch,
        seconds=seconds,
        progress=progress,
        spare=spare,
    )


def write_identifiers(folder: Path, session: bytes, identifiers: Sequence[bytes | str]) -> None:
    """The engine's input: for each row the hex of SHA-256(session ‖ identifier), text as UTF-8, and its place; and one
    more, random row.

    Hashing makes every identifier plain hex of one length for CSV and `sort`; it hides nothing. The random row is in
    no intersection: SPU first sends the peer a plain digest of all rows, to see whether the lists are the same, and
    without it a short list could be guessed from that. DataError, by its place, for an identifier that occurs twice.
    """
    import pyarrow as pa
    from pyarrow import csv

    salted = hashlib.sha256(session)
    digests = bytearray()
    for identifier in identifiers:
        one = salted.copy()
        one.update(identifier.encode() if isinstance(identifier, str) else identifier)
        digests += one.digest()
    _refuse_duplicates(np.frombuffer(digests, dtype="S32"))
    text = (digests + secrets.token_bytes(32)).hex().encode()
    column = pa.Array.from_buffers(pa.binary(64), len(identifiers) + 1, [None, pa.py_buffer(text)])
    places = pa.array(np.arange(len(identifiers) + 1, dtype=np.int64))
    table = pa.table({"id": pa.array(column).cast(pa.binary()).cast(pa.string()), "row": places})
    csv.write_csv(table, folder / IDENTIFIERS_FILE, csv.WriteOptions(quoting_style="none"))


def _refuse_duplicates(digests: npt.NDArray[Any]) -> None:
    halves = digests.view([("high", "<u8"), ("rest", "V24")])["high"]
    order = np.argsort(halves, kind="stable")
    same = np.flatnonzero(halves[order][1:] == halves[order][:-1])
    for place in same:
        one, other = int(order[place]), int(order[place + 1])
        if digests[one : one + 1].tobytes() == digests[other : other + 1].tobytes():
            raise DataError("an identifier occurs twice", expected="distinct identifiers", found=f"row {other}")


def _rows(folder: Path, done: Done, count: int) -> Rows:
    rows: Rows = np.load(folder / ROWS_FILE, allow_pickle=False)
    if rows.dtype != np.int64 or rows.ndim != 1 or len(rows) != done.items:
        raise InputError("the engine's result is malformed", expected=f"{done.items} rows", code="spu.result")
    if len(rows) and (rows[0] < 0 or rows[-1] >= count or not np.all(np.diff(rows) > 0)):
        raise InputError("the engine's result is malformed", expected="distinct rows of ours", code="spu.result")
    return rows
