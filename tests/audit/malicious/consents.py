"""Consents that nobody gave, or not for this job."""

from __future__ import annotations

from typing import Any

from simulator import CONSUMER, START, Simulation, key

from malicious.lies import A, B, C, D, evidence_of, malicious, other, with_facts
from placet.audit.bundle import Bundle
from placet.audit.facts import Ending


class BadOwnSignature(Simulation):
    def sign_consent(self, owner: Any, consent: Any) -> bytes:
        signature = super().sign_consent(owner, consent)
        return other(signature) if owner.address == self.signers[CONSUMER].address else signature


@malicious("consent.named", D)
def an_own_consent_that_is_not_signed() -> Bundle:
    return BadOwnSignature().bundle()


@malicious("consent.named", D)
def an_own_consent_withdrawn_before_the_opening() -> Bundle:
    class Withdrawn(Simulation):
        def before_opening(self) -> None:
            self.withdraw(CONSUMER, self.named.id, proven=False)

    simulation = Withdrawn()
    late = simulation.facts["withdrawn"][0]
    before_the_seal = {"sealed": None, "released": (), "paid": (), "end": None, "status": Ending.OPEN}
    assert late.at.order < simulation.opened.at.order
    return with_facts(simulation, **before_the_seal)


@malicious("consent.roots", B)
def a_leaf_that_is_not_shown() -> Bundle:
    simulation = Simulation()
    shown = simulation.evidence(1).inputs[0]
    return simulation.bundle(
        evidence_of(simulation, 1, inputs=(shown.model_copy(update={"leaves": shown.leaves[1:]}),))
    )


@malicious("consent.signatures", B)
def a_forged_consent() -> Bundle:
    class Forger(Simulation):
        def sign_consent(self, owner: Any, consent: Any) -> bytes:
            forged = owner.address == key("owner", 1, 2).address
            return super().sign_consent(key("forger") if forged else owner, consent)

    return Forger().bundle()


@malicious("consent.batches", B)
def a_leaf_that_was_never_anchored() -> Bundle:
    class Unanchored(Simulation):
        def batch_leaves(self, provider: int, ids: list[bytes]) -> list[bytes]:
            return ids[1:] if provider == 1 else ids

    return Unanchored().bundle()


@malicious("consent.batches", B)
def a_batch_that_was_anchored_too_late() -> Bundle:
    simulation = Simulation()
    anchored = list(simulation.chain_facts().anchored)
    anchored[1] = anchored[1].model_copy(update={"at": simulation.opened.at})
    return with_facts(simulation, anchored=tuple(anchored))


class Window(Simulation):
    """Person 2 of provider 1 consented to another window."""

    other: dict[str, int]

    def window(self, provider: int, number: int) -> dict[str, int]:
        return super().window(provider, number) | (self.other if (provider, number) == (1, 2) else {})


@malicious("consent.time", B)
def an_expired_consent() -> Bundle:
    class Expired(Window):
        other = {"not_after": START + 1499}  # noqa: RUF012 - never changed

    return Expired().bundle()


@malicious("consent.time", B)
def a_consent_for_later() -> Bundle:
    class Later(Window):
        other = {"not_before": START + 200}  # noqa: RUF012 - never changed

    return Later().bundle()


@malicious("consent.uses", B)
def a_consent_for_the_next_opening() -> Bundle:
    class Next(Window):
        other = {"first_opening": 1, "uses": 2}  # noqa: RUF012 - never changed

    return Next().bundle()


@malicious("consent.uses", A, B, C)
def consents_that_are_used_up() -> Bundle:
    simulation = Simulation()
    return with_facts(simulation, opened=simulation.opened.model_copy(update={"openings": (3, 3, 3, 0)}))
