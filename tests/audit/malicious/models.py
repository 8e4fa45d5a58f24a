"""Models that are stale, forged, or registered under a false card."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from simulator import CONSUMER, Simulation, h
from test_models import Scores, Trains, scores, sharing

from malicious.lies import A, B, D, malicious
from placet.audit.bundle import Bundle
from placet.catalogue.declared import DeclaredJob
from placet.core.lawful import Use
from placet.core.offers import Subjects


@contextmanager
def scoring() -> Iterator[None]:
    """As if the recipe took the model that `Scores` brings."""
    model, use = Scores().model.model, DeclaredJob.use

    def used(self: DeclaredJob, number: int) -> Use:
        one = use(self, number)
        return replace(one, subjects=Subjects.MODEL, model=model) if number == CONSUMER else one

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DeclaredJob, "use", used)
        yield


@malicious("model.lineage", D, within=scoring)
def a_model_that_more_have_left_than_its_offer_tolerates() -> Bundle:
    return scores(since=3, tolerated=2).bundle()


@malicious("model.lineage", D, within=scoring)
def a_model_of_a_job_that_its_holder_was_no_party_of() -> Bundle:
    simulation = Scores()
    simulation.model = simulation.model.model_copy(update={"provider": simulation.signers[1].address})
    return simulation.bundle()


@malicious("model.facts", within=scoring)
def an_end_in_a_models_lineage_that_is_left_out() -> Bundle:
    simulation = scores(since=2, tolerated=0)
    shown, other = simulation.lineage["lineage"]
    simulation.lineage["lineage"] = (shown.model_copy(update={"ended": shown.ended[:1]}), other)
    return simulation.bundle()


@malicious("model.facts", D, also=("model.lineage",), within=scoring)
def a_model_without_its_origin() -> Bundle:
    simulation = Scores()
    simulation.lineage["origins"] = ()
    return simulation.bundle()


def _trained(**changes: Any) -> Simulation:
    return type("Trained", (Trains,), changes)()


@malicious("model.made", B, within=sharing)
def another_model_than_the_one_that_was_trained() -> Bundle:
    return _trained(registered_as=(h("model"), h("a better one"))).bundle()


@malicious("model.made", A, B, within=sharing)
def a_model_that_was_registered_before_the_seal() -> Bundle:
    return _trained(before_the_seal=True).bundle()


@malicious("model.card", A, B, within=sharing)
def a_card_of_another_purpose() -> Bundle:
    return _trained(said={"purpose": "https://w3id.org/dpv#DirectMarketing"}).bundle()


@malicious("model.card", B, within=sharing)
def a_card_that_was_not_registered() -> Bundle:
    simulation = Trains()
    changed = simulation.card(1).model_copy(update={"limits": ("It is for everything.",)})
    return simulation.bundle(simulation.evidence(1).model_copy(update={"cards": (changed,)}))


@malicious("model.card", B, within=sharing)
def a_registered_card_that_is_not_shown() -> Bundle:
    simulation = Trains()
    return simulation.bundle(simulation.evidence(1).model_copy(update={"cards": ()}))
