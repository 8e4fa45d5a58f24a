"""What whoever collects a bundle may say of the chain."""

from __future__ import annotations

from simulator import Simulation, h

from malicious.lies import malicious, with_facts
from placet.audit.bundle import Bundle
from placet.audit.facts import ChainFacts, Ending
from placet.core.plan import MAX_INPUTS, MAX_PARTIES


@malicious("chain.deployment")
def facts_of_another_deployment() -> Bundle:
    return with_facts(Simulation(), deployment=h("another"))


@malicious("chain.limits")
def more_payments_than_a_job_has_payees() -> Bundle:
    simulation = Simulation()
    paid = simulation.chain_facts().paid
    more = [
        paid[-1].model_copy(update={"amount": 0, "at": paid[-1].at.model_copy(update={"index": paid[-1].at.index + n})})
        for n in range(1, MAX_PARTIES + 2)
    ]
    return with_facts(simulation, paid=(*paid, *more))


@malicious("chain.limits", also=("plan.opened",))
def more_openings_than_a_job_has_inputs() -> Bundle:
    simulation = Simulation()
    openings = (*simulation.opened.openings, *range(MAX_PARTIES * MAX_INPUTS + 1))
    return with_facts(simulation, opened=simulation.opened.model_copy(update={"openings": openings}))


@malicious("chain.opened")
def a_job_that_nobody_opened() -> Bundle:
    bundle = Simulation().bundle()
    known = {k: getattr(bundle.facts, k) for k in ("job", "deployment", "chain_id", "head")}
    nothing = ChainFacts(**known, status=Ending.UNKNOWN, attempt=0)
    return bundle.model_copy(update={"facts": nothing, "evidence": ()})


@malicious("chain.status")
def aborted_by_nobody() -> Bundle:
    simulation = Simulation(ending=Ending.ABORTED)
    assert simulation.end is not None
    return with_facts(simulation, end=simulation.end.model_copy(update={"by": None}))


@malicious("chain.order")
def sealed_after_the_deadline() -> Bundle:
    class Late(Simulation):
        def before_seal(self) -> None:
            self.block += 1000

    return Late().bundle()


@malicious("chain.once")
def an_offer_told_twice() -> Bundle:
    simulation = Simulation()
    offers = simulation.chain_facts().offers
    return with_facts(simulation, offers=(*offers, offers[0]))


@malicious("chain.datasets")
def a_dataset_left_out() -> Bundle:
    simulation = Simulation()
    return with_facts(simulation, datasets=simulation.chain_facts().datasets[1:])


@malicious("chain.datasets")
def a_dataset_of_another_institution() -> Bundle:
    simulation = Simulation()
    first, *rest = simulation.chain_facts().datasets
    return with_facts(simulation, datasets=(first.model_copy(update={"provider": h("other")[:20]}), *rest))


@malicious("chain.datasets")
def a_dataset_registered_after_its_offer() -> Bundle:
    simulation = Simulation()
    first, *rest = simulation.chain_facts().datasets
    return with_facts(simulation, datasets=(first.model_copy(update={"registered": simulation.made[3]}), *rest))


@malicious("chain.withdrawal-lists")
def a_withdrawal_left_out() -> Bundle:
    simulation = Simulation()
    simulation.withdraw(0, h("a stranger's consent"), proven=False)
    return with_facts(simulation, withdrawn=())


@malicious("chain.records")
def a_record_with_another_head() -> Bundle:
    simulation = Simulation()
    first, *rest = simulation.chain_facts().recorded
    return with_facts(simulation, recorded=(first.model_copy(update={"head": h("x")}), *rest))
