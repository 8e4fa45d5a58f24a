"""Bundles as long as one likes: a job that its consumer's recorder alone writes on, attempt after attempt.

The verdict does not matter: whoever makes a bundle need not make it well.
"""

from __future__ import annotations

from simulator import Simulation, h

from placet.audit.bundle import Bundle
from placet.audit.facts import Amended, Moment, Recorded, Withdrawn
from placet.core.evidence import SignedAmendment
from placet.core.plan import Amendment
from placet.core.trail import Message, SignedMessage, Step


def grown(attempts: int) -> Bundle:
    """In each attempt an amendment, a step, a record of it, a message and a withdrawal."""
    simulation = Simulation()
    opened = simulation.opened
    roots, epochs = (tuple(getattr(i, name) for i in simulation.plan.inputs) for name in ("lawful_root", "epoch"))
    offer = simulation.plan.inputs[0].offer
    numbers = range(2, attempts + 2)

    def at(number: int) -> Moment:
        return opened.at.model_copy(update={"index": opened.at.index + number})

    evidence = simulation.evidence(0).model_copy(
        update={
            "steps": tuple(
                Step(job=simulation.job, attempt=n, party=0, index=0, name="step", protocol="", parameters={}, at=0)
                for n in numbers
            ),
            "sent": tuple(
                SignedMessage(
                    message=Message(
                        job=simulation.job, attempt=n, sequence=0, sender=0, receiver=1, tag="t", digest=h("message", n)
                    ),
                    signature=bytes(65),
                )
                for n in numbers
            ),
            "amendments": tuple(
                SignedAmendment(
                    amendment=Amendment(job=simulation.job, attempt=n, roots=roots, epochs=epochs), signatures=()
                )
                for n in numbers
            ),
        }
    )
    bundle = simulation.bundle(evidence)
    facts = bundle.facts.model_copy(
        update={
            "attempt": attempts + 1,
            "amended": tuple(Amended(attempt=n, roots=roots, epochs=epochs, at=at(n)) for n in numbers),
            "recorded": tuple(
                Recorded(attempt=n, party=0, first=0, hashes=(h("step", n),), head=h("head", n), at=at(n))
                for n in numbers
            ),
            "withdrawn": tuple(
                Withdrawn(
                    offer=offer, consent=h("consent", n), kind="withdrawn", at=at(n), head=bytes(24), proven=at(n)
                )
                for n in numbers
            ),
        }
    )
    return bundle.model_copy(update={"facts": facts})
