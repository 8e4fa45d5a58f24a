"""Garbled circuits between two parties, and circuit PSI by them (`psi.circuit.garbled/1`).

`labels`    labels and the hash under which gates are encrypted
`sides`     half-gates: a garbler's and an evaluator's gates over many lanes at once
`circuits`  comparison, count, sum and suppression, written once for both sides
`matching`  the circuit of circuit PSI
`counting`  the protocol: tags by OPPRF, labels by oblivious transfer, tables, and labels back
"""

from placet.protocols.garbled.counting import Brought, CountTerms, evaluate, garble
from placet.protocols.garbled.matching import opened

__all__ = ["Brought", "CountTerms", "evaluate", "garble", "opened"]
