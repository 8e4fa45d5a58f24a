"""Many persons' keys enrolled at once: from a table of pairs to one signature over their root."""

from __future__ import annotations

from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError

from placet.core.csv_file import plain_cell, read_rows
from placet.core.eip712 import Domain
from placet.core.enrolment import subject_commitment
from placet.core.enrolment_batch import MAX_PAIRS, Enrolments, signed
from placet.core.errors import InputError
from placet.core.signatures import Key
from placet.core.values import Bytes32, Signer
from placet.identity.register import MAX_SUBJECT, Register

COLUMNS = ["owner", "subject", "salt"]
_OWNER, _SALT = TypeAdapter(Signer), TypeAdapter(Bytes32)


def enrol_many(table: BinaryIO, register: Register, namespace: str, key: Key, domain: Domain) -> Enrolments:
    """The enroller's word for a table's pairs, CSV with the columns owner, subject and salt: what opens the commitment
    that the owner's consent names. InputError names a line that is no pair, or whose person the register has not;
    DataError for what is no CSV."""
    pairs: set[tuple[bytes, bytes]] = set()
    rows = read_rows(table)
    head = next(rows, (1, []))[1]
    if head != COLUMNS:
        raise InputError("the table has other columns", expected=",".join(COLUMNS), found=",".join(head)[:200])
    for line, cells in rows:
        if len(pairs) == MAX_PAIRS:
            raise InputError("too many pairs for one batch", expected=f"at most {MAX_PAIRS}")
        pair = _pair(line, cells, register)
        if pair in pairs:
            raise InputError(f"line {line}: the pair stands there twice", remedy="leave it out once")
        pairs.add(pair)
    return signed(pairs, namespace, key, domain)


def _pair(line: int, cells: list[str], register: Register) -> tuple[bytes, bytes]:
    if len(cells) != len(COLUMNS):
        raise InputError(f"line {line}: not as many cells as columns", expected=len(COLUMNS), found=len(cells))
    try:
        owner, salt = _OWNER.validate_python(cells[0]), _SALT.validate_python(cells[2])
    except ValidationError as error:
        raise InputError(f"line {line}: no owner's key or no salt", expected=error.errors()[0]["msg"]) from None
    subject = plain_cell(cells[1])
    if not 1 <= len(subject) <= MAX_SUBJECT or subject not in register:
        raise InputError(
            f"line {line}: the register does not know this person",
            remedy="add the person first: placet identity add",
        )
    return owner, subject_commitment(subject, salt)
