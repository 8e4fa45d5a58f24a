"""Promise 6: after an erasure nothing in any institution's files leads to the person, and the trail still verifies.

A search over all files, databases and logs of a sandbox for what named him, which finds it before. What is sealed is
searched for as it was sealed: a row that is deleted and not overwritten would still be there for who has the key.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from live import Given, LiveConsortium
from placet.core.erasure import SignedErasure
from placet.core.ids import ConsentId
from placet.core.values import from_hex, parse, to_hex
from placet.owner.answers import ErasureAnswer
from placet.owner.client import OwnerClient
from placet.sandbox.consortium import wait

PIECE = 64
"""Bytes of something sealed that are looked for: SQLite spreads long ones over pages."""
OWN_DATA = (".csv", ".parquet", "subjects")
"""How files end that are of no consent: tables that institutions keep of their customers for themselves, the enroller's
register, and whom the sandbox had put into it."""


def values_of(given: Given, consortium: LiveConsortium, job: str) -> dict[str, bytes]:
    """What leads to the person: readable, and as vault and consumer sealed it."""
    signed = given.signed
    plain = {
        "salt of the consent": signed.consent.details.salt,
        "signature": signed.signature,
        "enrolment": signed.enrolment.signature,
        "salt of the opening": signed.opening.salt,
        "commitment": signed.opening.commitment,
    }
    folder = consortium.made.folder
    record = _one(folder, "SELECT sealed FROM consents WHERE consent = ?", given.id)
    result = _one(folder, "SELECT result FROM jobs WHERE job = ? AND result IS NOT NULL", from_hex(job))
    sealed = {"the vault's record": record[:PIECE], "the consumer's result": result[:PIECE]}
    return plain | {f"{name} as hex": value.hex().encode() for name, value in plain.items()} | sealed


def _one(folder: Path, query: str, key: bytes) -> bytes:
    """From the one database below a folder that answers."""
    for file in sorted(folder.rglob("*.db")):
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            try:
                row = connection.execute(query, (key,)).fetchone()
            except sqlite3.OperationalError:
                continue
            if row is not None:
                return bytes(row[0])
    raise AssertionError(f"no {query} below {folder}")


def found(folder: Path, values: Mapping[str, bytes], subject: str) -> set[str]:
    """Which of the values stand in any file below a folder, and where the person's identifier does that is in no table
    of an institution's own."""
    places = set()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        places |= {name for name, value in values.items() if value in content}
        if subject.encode() in content and not file.name.endswith(OWN_DATA):
            places.add(f"subject in {file.relative_to(folder)}")
    return places


def erasure_of(consortium: LiveConsortium, given: Given, *, ask: bool) -> ErasureAnswer:
    member = consortium.made.members[given.provider]

    async def answer() -> ErasureAnswer:
        async with OwnerClient(consortium.deployment, consortium.trust) as client:
            call = client.erase if ask else client.erasures
            (one,) = await call(member.api, from_hex(member.address), given.key)
            return one

    return asyncio.run(answer())


@pytest.mark.slow  # by default: tests/node/test_erasures.py, tests/attacks/test_an_erasure_hides_nobody_else.py
def test_nothing_leads_to_who_was_erased(consortium: LiveConsortium) -> None:
    given = consortium.give("north", next(who for who in consortium.silent if who in consortium.balances["north"]))
    folder = consortium.made.folder
    done = consortium.job()
    assert done.totals is not None and given.subject in done.totals
    values = values_of(given, consortium, done.job)
    before = found(folder, values, given.subject)
    assert before >= {"salt of the consent", "signature", "the vault's record", "the consumer's result"}, before

    other = consortium.give("south", next(who for who in consortium.silent if who in consortium.balances["south"]))
    consortium.withdraw(given, other)
    asked = erasure_of(consortium, given, ask=True)
    assert asked.reason is None

    def over() -> bool:
        answer = erasure_of(consortium, given, ask=False)
        return answer.state == "anchored" and all(one.erasure is not None for one in answer.holders)

    wait(over, "every holder's answer, and the anchor")
    answer = erasure_of(consortium, given, ask=False)
    assert {one.institution.name for one in answer.holders} == {"Bank South", "Fund House", "Family Office"}
    (consumer,) = [one.erasure for one in answer.holders if one.institution.name == "Family Office"]
    assert consumer is not None and "result" in consumer.receipt.erased
    assert found(folder, values, given.subject) == set()
    rows = consortium.consumer.get(f"/v1/jobs/{done.job}/result")["rows"]
    assert {row["customer"] for row in rows} == done.totals.keys() - {given.subject}

    def confirmed() -> bool:
        return consortium.audited(done.job)["verdict"] == "lawfully-erased"

    wait(confirmed, "an audit that says so")
    report = consortium.audited(done.job)
    assert "Bank North erased records of consents: 1 withdrawn by their owners" in report["notes"], report
    assert isinstance(parse(SignedErasure, consumer.model_dump_json()), SignedErasure)
    assert ConsentId(given.id) == answer.consent and to_hex(given.id) in asked.model_dump_json()

    # Who comes to the counter.
    words = ("--config", "south/node.toml", "--owner", to_hex(other.key.signer))
    (counter,) = json.loads(consortium.made.run("erase", *words))
    assert (counter["consent"], counter["holders"]) == (to_hex(other.id), [])
    wait(lambda: erasure_of(consortium, other, ask=False).state == "anchored", "the anchor")
