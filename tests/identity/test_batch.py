"""Many keys enrolled at once: whose, and what table is none."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from placet.core.eip712 import consent_domain
from placet.core.enrolment import subject_commitment
from placet.core.enrolment_batch import enrolment_leaf, read_enrolments
from placet.core.errors import PlacetError
from placet.core.signatures import Key
from placet.core.values import to_hex
from placet.identity.batch import enrol_many
from placet.identity.register import Register, add_persons

NAMESPACE = "urn:example:person"
DOMAIN = consent_domain(31337, bytes([2]) * 20)
OWNERS = [bytes([number]) * size for number, size in ((1, 20), (2, 84), (3, 20))]
SALTS = [bytes([number]) * 32 for number in (4, 5, 6)]
SUBJECTS = ["ada", 'zoë, née "x"', "ada"]


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Register:
    path: Path = tmp_path_factory.mktemp("register") / "register.csv"
    add_persons(path, sorted(set(SUBJECTS)))
    return Register(path)


def table(subjects: list[str]) -> bytes:
    cells = [subject.replace('"', '""') for subject in subjects]
    rows = [f'{to_hex(o)},"{cell}",{to_hex(s)}' for o, cell, s in zip(OWNERS, cells, SALTS, strict=False)]
    return "\n".join(["owner,subject,salt", *rows, ""]).encode()


def test_the_word_is_for_just_these_pairs(register: Register) -> None:
    key = Key()
    made = enrol_many(io.BytesIO(table(SUBJECTS)), register, NAMESPACE, key, DOMAIN)
    read = read_enrolments(io.BytesIO(made.file()), DOMAIN)
    pairs = zip(OWNERS, SUBJECTS, SALTS, strict=True)
    assert read.leaves == {enrolment_leaf(owner, subject_commitment(who, salt)) for owner, who, salt in pairs}
    assert (read.batch.enroller, read.batch.namespace) == (key.address, NAMESPACE)


GOOD = table(SUBJECTS)
WRONG = {
    "line 4: the register does not know": table([*SUBJECTS[:2], "eve"]),
    "other columns": GOOD.replace(b"salt", b"pepper", 1),
    "stands there twice": GOOD + GOOD.split(b"\n")[1] + b"\n",
    "no owner's key or no salt": GOOD.replace(b"0x01", b"0xzz", 1),
    "not as many cells": GOOD + b"1,2\n",
    "at least one": b"owner,subject,salt\n",
}


@pytest.mark.parametrize("words", WRONG)
def test_any_other_table_enrols_nobody(register: Register, words: str) -> None:
    with pytest.raises(PlacetError, match=words) as caught:
        enrol_many(io.BytesIO(WRONG[words]), register, NAMESPACE, Key(), DOMAIN)
    assert not any(subject in str(caught.value) for subject in (*SUBJECTS, "eve"))
