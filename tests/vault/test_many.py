"""Thirty thousand: the work is done once and in bulk. What is counted is work, not time."""

from typing import Any

import pytest
from sqlalchemy import event

from placet.core import offers
from placet.core.errors import NotFoundError
from placet.core.signatures import Verifiers
from placet.vault import lawful_answers
from placet.vault.admission import Submission
from placet.vault.frames import MAX_REQUEST, MAX_SUBMISSIONS


def test_signatures_are_checked_once_and_words_made_once(environment, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [environment.consent(subject) for subject in environment.customers]
    submissions: list[Submission] = [submission for _, submission in made]
    calls = {"words": 0, "accepts": 0}
    words, accepts = offers.offer_words, Verifiers.accepts

    def counted_words(*arguments, **named):
        calls["words"] += 1
        return words(*arguments, **named)

    def counted_accepts(self, *arguments):
        calls["accepts"] += 1
        return accepts(self, *arguments)

    monkeypatch.setattr("placet.core.wording.offer_words", counted_words)
    monkeypatch.setattr(Verifiers, "accepts", counted_accepts)
    ids = environment.vault.admit_many(environment.offer, environment.scope, submissions)
    assert ids == [consent.id for consent, _ in made]
    # Once to see that offer and scope have words at all, once for the ids.
    assert calls == {"words": 2, "accepts": 2 * len(made)}
    environment.anchor(list(ids))
    calls["accepts"] = 0
    root = environment.lawful().root
    assert environment.vault.rows(environment.opened(root)).count == len(made)
    assert calls["accepts"] == 0


def test_records_are_found_by_their_ids(environment) -> None:
    """Not by going through all of the offer for each part, as SQLite does where a query names that too."""
    ids = environment.accept(*environment.customers[:3])
    asked: list[tuple[str, Any]] = []
    event.listen(environment.engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    assert set(environment.records.records(environment.offer.id, ids)) == set(ids)
    with pytest.raises(NotFoundError):
        environment.records.records(bytes(32), ids)
    (statement, values), *_ = asked
    with environment.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    assert [row.detail for row in plan] == ["SEARCH consents USING INDEX sqlite_autoindex_consents_1 (consent=?)"]


def test_a_set_that_is_shown_in_parts_is_opened_once(environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lawful_answers, "PART", 2)
    ids = environment.accept(*environment.customers[:5])
    environment.anchor(list(ids))
    root, opened, packed_set = environment.lawful().root, [], environment.records.sets.packed
    monkeypatch.setattr(environment.records.sets, "packed", lambda *of: opened.append(of) or packed_set(*of))
    for _ in range(2):
        shown = [environment.vault.leaves(environment.offer.id, root, start) for start in (0, 2, 4)]
        assert [part.passed for part in shown] == [2, 2, 1]
    assert len(opened) == 2


def test_request_limit_fits_a_full_part(environment) -> None:
    _, submission = environment.consent(environment.customers[0])
    assert len(submission.model_dump_json()) * MAX_SUBMISSIONS * 4 < MAX_REQUEST
