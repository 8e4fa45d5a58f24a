"""Flow, seal and payment."""

from __future__ import annotations

from typing import Any

from simulator import CONSUMER, Simulation, h

from malicious.lies import A, B, C, D, evidence_of, malicious, other, with_facts
from malicious.trails import Steps
from placet.audit.bundle import Bundle
from placet.audit.facts import Ending


@malicious("flow.inputs", B)
def rows_from_nowhere() -> Bundle:
    class Foreign(Steps):
        name = "open-accounts"

        def differently(self, fields: dict[str, Any]) -> dict[str, Any]:
            lawful = fields["inputs"][0].model_copy(update={"commitment": h("all my customers")})
            return fields | {"inputs": (lawful,)}

    return Foreign().bundle()


@malicious("flow.outputs", B)
def another_output_than_the_sealed_one() -> Bundle:
    class Swaps(Steps):
        name = "mask-output"

        def differently(self, fields: dict[str, Any]) -> dict[str, Any]:
            return fields | {"outputs": (fields["outputs"][0].model_copy(update={"commitment": h("other")}),)}

    return Swaps().bundle()


class RefusesToSeal(Simulation):
    def seal_signatures(self, seal: Any) -> tuple[bytes, ...]:
        signatures = super().seal_signatures(seal)
        return (*signatures[:CONSUMER], other(signatures[CONSUMER]), b"")


@malicious("seal.signed", A, B, C, D)
def a_seal_that_the_consumer_did_not_sign() -> Bundle:
    return RefusesToSeal().bundle()


@malicious("seal.signed", B)
def another_seal() -> Bundle:
    simulation = Simulation()
    assert simulation.seal is not None
    held = simulation.seal.model_copy(update={"seal": simulation.seal.seal.model_copy(update={"keys": (h("x"),) * 4})})
    return simulation.bundle(evidence_of(simulation, 1, seal=held))


@malicious("seal.shape")
def an_output_of_a_party_without_one() -> Bundle:
    class Extra(Simulation):
        def make_seal(self, fields: dict[str, Any]) -> Any:
            return super().make_seal(fields | {"outputs": (*fields["outputs"][:3], h("x"))})

    return Extra().bundle()


@malicious("seal.epochs")
def sealed_under_another_epoch() -> Bundle:
    class Old(Simulation):
        def make_seal(self, fields: dict[str, Any]) -> Any:
            return super().make_seal(fields | {"epochs": (b"1" * 24, *fields["epochs"][1:])})

    return Old().bundle()


@malicious("seal.keys")
def another_key_than_the_sealed_one() -> Bundle:
    simulation = Simulation()
    first, *rest = simulation.chain_facts().released
    return with_facts(simulation, released=(first.model_copy(update={"key": h("x")}), *rest))


@malicious("seal.keys")
def somebody_else_is_called_the_withholder() -> Bundle:
    simulation = Simulation(ending=Ending.CLOSED, withholds=(1,))
    facts = simulation.chain_facts()
    wrong = facts.withheld[0].model_copy(update={"party": 2})
    paid = [p for p in facts.paid if p.kind == "refund" or p.to != simulation.plan.parties[2].payee]
    paid.insert(1, paid[0].model_copy(update={"to": simulation.plan.parties[1].payee, "at": facts.paid[1].at}))
    return with_facts(simulation, withheld=(wrong,), paid=tuple(paid))


@malicious("payment.funded")
def too_little_paid_in() -> Bundle:
    simulation = Simulation()
    assert simulation.funded is not None
    return with_facts(simulation, funded=simulation.funded.model_copy(update={"amount": 74}))


@malicious("payment.paid")
def a_provider_that_was_not_paid() -> Bundle:
    class Unpaid(Simulation):
        def payments(self) -> Any:
            return super().payments()[1:]

    return Unpaid().bundle()


@malicious("payment.paid")
def paid_although_it_withheld_its_key() -> Bundle:
    simulation = Simulation(ending=Ending.CLOSED, withholds=(1,))
    return with_facts(simulation, paid=tuple(Simulation().payments()))
