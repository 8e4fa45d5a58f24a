"""Garbled circuits between two parties, and circuit PSI by them (`psi.circuit.garbled/1`).

`labels`    labels and the hash under which gates are encrypted
`sides`     half-gates: a garbler's and an evaluator's gates over many lanes at once
`circuits`  comparison, count, sum and suppression, written once for both sides
`matching`  the circuit of circuit PSI
`terms`     what both sides agree on, and what each brings
`counting`  the protocol: tags by OPPRF, labels by oblivious transfer, tables, and labels back
`seeded`    a garbling that follows from a seed
`covert`    the same protocol with several garblings, of which all but one are opened; each side in a module of its own
`certificate`  what shows anybody that a garbler cheated
"""

from placet.protocols.garbled.certificate import CheatingCertificate, judged
from placet.protocols.garbled.counting import evaluate, garble
from placet.protocols.garbled.covert import CheatedError
from placet.protocols.garbled.matching import opened
from placet.protocols.garbled.terms import Brought, CountTerms

__all__ = [
    "Brought",
    "CheatedError",
    "CheatingCertificate",
    "CountTerms",
    "evaluate",
    "garble",
    "judged",
    "opened",
]
