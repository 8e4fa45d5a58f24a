"""Promise 5: an erasure takes one person away, at whoever is asked, and nobody can use it to take away anything else.

What an auditor makes of it is in `tests/audit/test_erased.py`.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parties import CONSUMER, NOW, JobEnvironment
from placet.core.erasure import person_mark
from placet.core.errors import PeerError, SignatureError
from placet.core.ids import ConsentId, JobId, OfferId
from placet.jobs import erasing
from placet.jobs.kept_payloads import KeptPayloads, Retention
from placet.jobs.messages import EraseRequest, EraseResponse
from placet.jobs.records import JobRecord
from placet.jobs.results import decoded, encoded, without_person

PROVIDER, OTHER = 0, 1
ROWS = [{"customer": "anna-17", "total": "1"}, {"customer": "bert-44", "total": "2"}]
CONSENT = ConsentId(b"\x21" * 32)


class Erased:
    """The consumer of a job that has ended, who has its result, asked to forget a person by one of its providers."""

    def __init__(self, folder: Path) -> None:
        self.environment = environment = JobEnvironment()
        terms = environment.terms()
        plan = environment.plan(terms)
        self.job = plan.job(environment.deployment.jobs)
        self.context = environment.contexts[CONSUMER]
        self.store = environment.stores[CONSUMER]
        self.at_rest = self.context.at_rest
        self.store.add(JobRecord(self.job, plan, terms, (), CONSUMER, b"closed", None, None, NOW))
        self.store.keep_result(self.job, self.at_rest.seal(encoded({"rows": ROWS, "report": {}}), b"result"))
        self.store.end(self.job, "completed")
        self.folder = folder
        folder.joinpath(f"{self.job.hex()}-1.received").write_bytes(b"sealed")
        payloads = KeptPayloads(folder, self.context.at_rest, Retention(1, 1000, 1000))
        object.__setattr__(self.context, "payloads", payloads)
        self.dead: dict[bytes, set[bytes]] = {self.offer(PROVIDER): {CONSENT}}
        environment.ledger.dead = lambda offer: self.dead.get(offer, set())  # type: ignore[attr-defined]

    def offer(self, party: int) -> OfferId:
        return OfferId(self.environment.offers[party])

    def request(self, person: str = "anna-17", **changes: Any) -> EraseRequest:
        salt = secrets.token_bytes(32)
        made: dict[str, Any] = {"offer": self.offer(PROVIDER), "consent": CONSENT, "jobs": (self.job,)}
        return EraseRequest(**made | {"salt": salt, "mark": person_mark(salt, person)} | changes)

    async def ask(self, request: EraseRequest, asker: int = PROVIDER) -> EraseResponse:
        answer = await self.environment.answers[CONSUMER].answer(self.environment.address(asker), "erase", request)
        assert isinstance(answer, EraseResponse)
        return answer

    @property
    def masked(self) -> bytes | None:
        attempt = self.store.attempt(self.job, 1)
        assert attempt is not None
        return attempt.output

    @property
    def rows(self) -> list[dict[str, str]]:
        result = self.store.job(self.job).result
        assert result is not None
        return list(decoded(self.at_rest.open(result, b"result"))["rows"])


@pytest.fixture
def erased(tmp_path: Path) -> Erased:
    return Erased(tmp_path)


async def test_the_persons_row_goes_and_no_other(erased: Erased) -> None:
    answer = (await erased.ask(erased.request())).erasure
    consumer, domain = erased.environment.consumer, erased.environment.deployment.receipts
    receipt = answer.demand(consumer, CONSENT, domain)
    assert (receipt.erased, receipt.jobs) == (("payloads", "result"), (erased.job,))
    assert erased.rows == ROWS[1:]
    assert list(erased.folder.iterdir()) == []
    with pytest.raises(SignatureError):
        answer.demand(erased.environment.address(OTHER), CONSENT, domain)
    await erased.ask(erased.request())  # the answer was lost
    await erased.ask(erased.request("nobody-9"))
    assert erased.rows == ROWS[1:]


async def test_a_row_that_was_forgotten_is_not_opened_again_from_its_masked_parts(erased: Erased) -> None:
    """The keys of a sealed job stay on chain."""
    erased.store.begin(erased.job, 1, ())
    erased.store.keep(erased.job, 1, output=b"masked")
    await erased.ask(erased.request("nobody-9"))
    assert erased.masked == b"masked"
    await erased.ask(erased.request())
    assert erased.masked is None


async def test_a_result_that_is_deleted_while_a_row_is_forgotten_does_not_come_back(
    erased: Erased, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(result: bytes, is_theirs: Any) -> bytes | None:
        erased.store.delete_result(erased.job)
        return without_person(result, is_theirs)

    monkeypatch.setattr(erasing, "without_person", meanwhile)
    await erased.ask(erased.request())
    assert erased.store.job(erased.job).result is None


async def test_two_who_are_forgotten_at_once_do_not_bring_each_other_back(erased: Erased) -> None:
    other = ConsentId(b"\x22" * 32)
    erased.dead[erased.offer(PROVIDER)].add(other)
    requests = (erased.request(), erased.request("bert-44", consent=other))
    await asyncio.gather(*(erased.ask(request) for request in requests))
    assert erased.rows == []


async def test_nobody_is_forgotten_whose_consent_lives(erased: Erased) -> None:
    """A provider that would rather have a row out of another's result has no withdrawal to show."""
    for changes in ({"consent": ConsentId(bytes(32))}, {}):
        if not changes:
            erased.dead.clear()
        with pytest.raises(PeerError) as refused:
            await erased.ask(erased.request(**changes))
        assert refused.value.code == "erasure.living"
    assert erased.rows == ROWS


async def test_only_who_brought_the_rows_has_them_forgotten(erased: Erased) -> None:
    erased.dead[erased.offer(OTHER)] = {CONSENT}
    attempts = [(erased.request(), OTHER), (erased.request(offer=erased.offer(OTHER)), PROVIDER)]
    attempts.append((erased.request(), CONSUMER))
    for request, asker in attempts:
        with pytest.raises(PeerError) as refused:
            await erased.ask(request, asker)
        assert refused.value.code == "erasure.job"
    assert erased.rows == ROWS and len(list(erased.folder.iterdir())) == 1


async def test_a_result_that_is_still_to_come_names_nobody_who_was_forgotten(erased: Erased) -> None:
    """The answer waits for the job's end: what is opened later would have the row again."""
    plan = erased.environment.plan(erased.environment.terms(), salt=secrets.token_bytes(32))
    going = plan.job(erased.environment.deployment.jobs)
    record = erased.store.job(erased.job)
    erased.store.add(replace(record, job=going, plan=plan, ended=None, result=None))
    with pytest.raises(PeerError) as refused:
        await erased.ask(erased.request(jobs=(erased.job, going)))
    assert refused.value.code == "erasure.going"
    assert erased.rows == ROWS
    strange = JobId(secrets.token_bytes(32))
    assert (await erased.ask(erased.request(jobs=(strange,)))).erasure.receipt.jobs == ()
