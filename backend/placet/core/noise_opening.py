"""How a party opens its noise of a job to an auditor, and to nobody else.

The plan's `seed` commits to two things: a digest of the party's seed for everything else, and the seed of its noise.
An opening shows the second beside the first, so whoever has it checks it against the plan that all have signed: it
needs no signature. It is encrypted to the auditor (`core.noise_sealing`), since whoever has it and the noisy numbers
has the exact ones, which no privacy budget pays for.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from placet.core.hashing import sha256
from placet.core.ids import JobId
from placet.core.values import U32, Bytes32, Octets, Value

MAX_SEALED = 1 << 10


def committed(work: bytes, noise: bytes) -> bytes:
    """SHA-256("placet.seed/1" ‖ work ‖ SHA-256("placet.seed.noise/1" ‖ noise)), of a digest and a seed of 32 bytes."""
    return sha256(b"placet.seed/1", work, sha256(b"placet.seed.noise/1", noise))


class NoiseOpening(Value):
    """What a party shows: `noise` is the seed of its noise in the job, `work` the rest of what its `seed` in the plan
    commits to."""

    type: Literal["placet.noise"] = "placet.noise"
    version: Literal[1] = 1
    job: JobId
    party: U32
    work: Bytes32
    noise: Annotated[Bytes32, Field(repr=False)]

    def fits(self, commitment: bytes) -> bool:
        """Is it what the plan commits to?"""
        return committed(self.work, self.noise) == commitment


class SealedNoise(Value):
    """An opening for one auditor's key (X25519, 32 bytes)."""

    type: Literal["placet.sealed-noise"] = "placet.sealed-noise"
    version: Literal[1] = 1
    job: JobId
    party: U32
    auditor: Bytes32
    sealed: Annotated[Octets, Field(max_length=MAX_SEALED)]
