"""Withdrawals that somebody did not heed, or hides."""

from __future__ import annotations

from typing import Any

from simulator import CONSUMER, Simulation, h

from malicious.lies import A, B, C, D, malicious, other, with_facts
from placet.audit.bundle import Bundle
from placet.audit.outcome import Verdict
from placet.audit.verify import verify


class Stubborn(Simulation):
    """Provider 0 opens, in attempt 1, the row of somebody who withdrew after the signatures and before the opening."""

    def lawful(self, provider: int) -> Any:
        return self.people[provider] if self.attempt == 1 else super().lawful(provider)

    def before_opening(self) -> None:
        self.withdraw(0, self.people[0][3].consent.id, proven=False)


@malicious("withdrawal.withdrawn", A)
def a_row_opened_after_its_withdrawal() -> Bundle:
    return Stubborn(withdraw=(1,)).bundle()


@malicious("withdrawal.epochs")
def opened_under_an_old_epoch() -> Bundle:
    class Old(Simulation):
        def before_opening(self) -> None:
            self.withdraw(0, h("somebody else's consent"))

    return Old().bundle()


@malicious("withdrawal.amendments", B)
def an_attempt_with_a_new_row() -> Bundle:
    class Adds(Simulation):
        def lawful(self, provider: int) -> Any:
            people = super().lawful(provider)
            return people[1:] if provider == 1 and self.attempt == 1 else people

    return Adds(withdraw=(1,)).bundle()


@malicious("withdrawal.amendments", A, B, C, D)
def an_amendment_that_somebody_did_not_sign() -> Bundle:
    simulation = Simulation(withdraw=(1,))
    held = simulation.amendments[0]
    simulation.amendments[0] = held.model_copy(
        update={"signatures": (*held.signatures[:2], other(held.signatures[2]), b"")}
    )
    bundle = simulation.bundle()
    return bundle


@malicious("withdrawal.sealed")
def a_withdrawal_before_the_seal() -> Bundle:
    class Ignores(Simulation):
        def before_seal(self) -> None:
            self.withdraw(0, self.people[0][1].consent.id, proven=False)

    return Ignores().bundle()


@malicious("withdrawal.sealed", A)
def a_seal_over_a_proven_withdrawal() -> Bundle:
    class Ignores(Simulation):
        def before_seal(self) -> None:
            self.withdraw(0, self.people[0][1].consent.id)

    return Ignores().bundle()


@malicious("withdrawal.sealed", also=("seal.epochs",))
def a_proven_withdrawal_that_is_not_in_the_sealed_epoch() -> Bundle:
    """As after a reorganisation: the provider's signature does not say that it knew of it."""

    class Late(Simulation):
        def make_seal(self, fields: dict[str, Any]) -> Any:
            self.withdraw(0, self.people[0][1].consent.id)
            return super().make_seal(fields)

    return Late().bundle()


@malicious("chain.withdrawal-lists")
def a_proven_withdrawal_that_is_put_after_another() -> Bundle:
    """Two that were proven late, told in another order than the epoch has them."""
    simulation, consents = Simulation(), [h("first"), h("second")]
    for consent in consents:
        simulation.withdraw(0, consent, proven=False)
    for consent in consents:
        simulation.prove(0, consent)
    assert verify(simulation.bundle()).verdict is Verdict.INTACT
    first, second = simulation.chain_facts().withdrawn
    moved = (first.model_copy(update={"proven": second.proven}), second.model_copy(update={"proven": first.proven}))
    return with_facts(simulation, withdrawn=moved)


@malicious("withdrawal.sealed", D)
def an_own_consent_revoked_before_the_seal() -> Bundle:
    class Ignores(Simulation):
        def before_seal(self) -> None:
            self.withdraw(CONSUMER, self.named.id, proven=False, kind="revoked")

    return Ignores().bundle()
