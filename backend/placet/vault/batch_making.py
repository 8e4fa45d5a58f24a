"""Making a batch file out of signed consents in any order, in memory of some 500 bytes a consent."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from placet.core.batch_check import RowCheck
from placet.core.batch_columns import ROWS, batch_writer, encode
from placet.core.batch_file import BatchHeader, BatchRow, at_row
from placet.core.errors import ConfigError, InputError, PlacetError
from placet.core.ids import ConsentId
from placet.core.merkle import batch_root
from placet.core.offers import Offer, Scope


def make_batch(check: RowCheck, offer: Offer, scope: Scope, rows: Iterable[BatchRow], out: Path) -> BatchHeader:
    """Write the batch file `out`, which must not exist, whole or not at all. InputError names a row that is no
    consent, or the same as another."""
    import pyarrow as pa

    if out.exists():
        raise ConfigError("the file can't be made", expected="no file yet", found=out)
    ids, batches = bytearray(), list[pa.RecordBatch]()
    numbered = enumerate(rows, 1)
    while part := list(itertools.islice(numbered, ROWS)):
        batches.append(encode([_in_form(check, number, row, ids) for number, row in part]))
    if not ids:
        raise InputError("a batch has at least one consent", expected="one row or more", found=0)
    order = np.argsort(np.frombuffer(ids, dtype="S32"), kind="stable")
    leaves = [ConsentId(bytes(ids[32 * place : 32 * place + 32])) for place in order.tolist()]
    for (one, other), place in zip(itertools.pairwise(leaves), order[1:].tolist(), strict=True):
        if one == other:
            raise InputError(f"row {place + 1}: a consent stands twice", code="batch.order")
    header = BatchHeader(offer=offer, scope=scope, count=len(leaves), root=batch_root(leaves))
    table = pa.Table.from_batches(batches).combine_chunks()
    fresh = out.with_name(f".{out.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb", buffering=1 << 20) as sink:
        with batch_writer(sink, header) as writer:
            for first in range(0, len(order), ROWS):
                writer.write_table(table.take(order[first : first + ROWS]), ROWS)
        sink.flush()
        os.fsync(sink.fileno())
    fresh.rename(out)
    return header


def _in_form(check: RowCheck, number: int, row: BatchRow, ids: bytearray) -> BatchRow:
    """The row as the file has it; its consent's id goes behind the others."""
    try:
        row = check.in_form(row)
        ids += check.identity(row)
    except PlacetError as error:
        raise at_row(number, error) from None
    return row
