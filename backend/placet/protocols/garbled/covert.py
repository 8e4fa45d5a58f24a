"""Circuit PSI by a garbled circuit with publicly verifiable covert security: a garbler of another circuit is caught, by
a proof that convinces anybody, with probability 1 - 1/λ.

Asharov and Orlandi, ASIACRYPT 2012; the form of Hong, Katz, Kolesnikov, Lu, Wang, "Covert security with public
verifiability: faster, leaner, and simpler", EUROCRYPT 2019. The garbler makes λ garblings, each from a seed (`seeded`),
and says their hashes before it knows which of them is used. The evaluator gets all seeds but that one's, makes those
garblings and their transfers again, and compares.

    both                  `ot.base`            λ transfers: a garbling's seed, or, of the one to use, its witness
    garbler → evaluator   garbled.pads         for each garbling, under its witness: where the garbler's tags differ
                                               from the garbling's pads
    both                  `ot.extension`       λ times: the evaluator's labels; its choices are 0 but in the one to use
    garbler → evaluator   garbled.committed    `GarblerCommitment`, a message that the link signs as all are
    evaluator → garbler   garbled.choice       which is used, and its witness
    garbler → evaluator   garbled.tables …     as in `counting`, with `garbled.inputs`, the garbler's words, between

Where a hash is another one the evaluator stops, having said nothing of its choice, with a certificate: the seed of its
base transfers, its seed in that garbling, and the garbler's two messages. Who judges it makes the garbling again
(`certificate`). An evaluator can't make one against a garbler that follows the protocol: the garbler's seed follows
from the transfers, whose messages it has signed the hashes of, by Diffie and Hellman in one way only.

Covered: what is garbled, tables that fail for some inputs alone, transfers with other labels. Tables that are not those
committed to, and outputs that are neither of their wires' labels, end the job before the evaluator says anything of
what came out. Not covered: the OPPRF, which tags and numbers the garbler brings in, labels of the shift.

Assumptions: those of `sides`, `ot.base` and `ot.extension`, SHA-256 as a random oracle, signatures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from placet.core.errors import ProtocolError
from placet.protocols.channel import Channel
from placet.protocols.garbled.certificate import CheatingCertificate, choosing_context, garbling_context
from placet.protocols.garbled.labels import Bits
from placet.protocols.garbled.seeded import seeded
from placet.protocols.garbled.terms import CountTerms
from placet.protocols.order import Entropy
from placet.protocols.work import Progress

PADS, INPUTS = "garbled.pads", "garbled.inputs"


@dataclass(frozen=True)
class Setting:
    """One side of a covered run. `context` as in `counting.garble`."""

    channel: Channel
    peer: str
    terms: CountTerms
    context: bytes
    entropy: Entropy
    progress: Progress | None

    @property
    def choosing(self) -> bytes:
        return choosing_context(self.context)

    def garbling(self, index: int) -> bytes:
        return garbling_context(self.context, index)


class CheatedError(ProtocolError):
    """A garbling is not what its seed says."""

    code = "garbled.cheated"

    def __init__(self, garbler: str, certificate: CheatingCertificate) -> None:
        super().__init__(
            f"{garbler} garbled something else than the circuit",
            expected=f"garbling {certificate.index} as it follows from its seed",
            found="another one, committed to",
            remedy="the audit shows by whose signature",
            code=self.code,
        )
        self.certificate = certificate


def under_witness(bits: Bits, witness: bytes) -> bytes:
    """What is told of a garbling to who has its witness: bits, packed in bytes, hidden or shown."""
    stream = seeded(witness, b"pads")(len(bits))
    return (bits ^ np.frombuffer(stream, np.uint8)).tobytes()
