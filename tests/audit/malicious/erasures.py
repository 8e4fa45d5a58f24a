"""Records that are said to be erased, and should be there."""

from __future__ import annotations

from simulator import Simulation, h
from test_erased import PROVIDER, erase

from malicious.lies import B, malicious
from placet.audit.bundle import Bundle


@malicious("consent.roots", B, also=("consent.batches",))
def an_erased_leaf_that_never_was() -> Bundle:
    return erase(Simulation(), 1, consent=h("invented"))


@malicious("consent.roots", B)
def an_erased_leaf_of_another_row() -> Bundle:
    return erase(Simulation(), 1, row=h("another row"))


@malicious("consent.batches", B)
def an_erased_leaf_of_another_batch() -> Bundle:
    return erase(Simulation(), 1, batch=h("another batch"))


@malicious("consent.roots", B)
def an_erased_leaf_that_is_shown_too() -> Bundle:
    simulation = Simulation()
    entry = erase(simulation, 1).evidence[PROVIDER].evidence
    assert entry is not None
    (shown,) = entry.evidence.inputs
    both = shown.model_copy(update={"leaves": simulation.evidence(PROVIDER).inputs[0].leaves})
    return simulation.bundle(entry.evidence.model_copy(update={"inputs": (both,)}))


@malicious("withdrawal.sealed")
def a_dead_row_whose_record_was_erased() -> Bundle:
    """Whoever used a withdrawn consent can't make it unseen by erasing its record."""

    class Stubborn(Simulation):
        def before_seal(self) -> None:
            person = min(self.people[PROVIDER], key=lambda p: p.consent.id)
            self.withdraw(PROVIDER, person.consent.id, proven=False)

    return erase(Stubborn(), 0, kind=None)
