"""Thirty thousand: the work is done once and in bulk. What is counted is work, not time."""

import pytest

from placet.core import consent as consent_module
from placet.core.signatures import Verifiers
from placet.vault.admission import Submission
from placet.vault.frames import MAX_REQUEST, MAX_SUBMISSIONS


def test_signatures_are_checked_once_and_words_derived_once(world, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [world.consent(subject) for subject in world.customers]
    submissions: list[Submission] = [submission for _, submission in made]
    calls = {"derive": 0, "accepts": 0}
    derive, accepts = consent_module.derive, Verifiers.accepts

    def counted_derive(*arguments, **named):
        calls["derive"] += 1
        return derive(*arguments, **named)

    def counted_accepts(self, *arguments):
        calls["accepts"] += 1
        return accepts(self, *arguments)

    monkeypatch.setattr("placet.core.wording.derive", counted_derive)
    monkeypatch.setattr(Verifiers, "accepts", counted_accepts)
    ids = world.vault.accept_many(world.offer, world.scope, submissions)
    assert ids == [consent.id for consent, _ in made]
    # Once to see that offer and scope have words at all, once for the ids.
    assert calls == {"derive": 2, "accepts": 2 * len(made)}
    world.anchor(list(ids))
    calls["accepts"] = 0
    root = world.lawful().root
    assert world.vault.rows(world.opened(root)).count == len(made)
    assert calls["accepts"] == 0


def test_request_limit_fits_a_full_part(world) -> None:
    _, submission = world.consent(world.customers[0])
    assert len(submission.model_dump_json()) * MAX_SUBMISSIONS * 4 < MAX_REQUEST
