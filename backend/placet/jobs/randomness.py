"""A party's randomness in a job: all of it follows from one seed, to which the plan commits.

Noise has a seed of its own, which follows from that one and to which the plan commits beside the rest: a party can
open its noise to an auditor and nothing else of what it did.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import sha256 as _sha256

from placet.core.framing import frame
from placet.core.hashing import sha256
from placet.core.noise_opening import committed
from placet.core.privacy import GaussianRelease
from placet.protocols.noise import DrawnNoise, draw
from placet.protocols.order import Entropy, keystream


def seed_commitment(seed: bytes) -> bytes:
    """What the plan says of a party's randomness, of a seed of 32 random bytes (`core.noise_opening.committed`)."""
    return committed(work_digest(seed), noise_seed(seed))


def work_digest(seed: bytes) -> bytes:
    """SHA-256("placet.seed.work/1" ‖ seed): the part of the commitment that stays closed when noise is opened."""
    return sha256(b"placet.seed.work/1", seed)


def noise_seed(seed: bytes) -> bytes:
    """What all of a party's noise in a job follows from: HMAC-SHA-256(seed, "placet.seed.noise/1")."""
    return hmac.new(seed, b"placet.seed.noise/1", _sha256).digest()


@dataclass(frozen=True, slots=True)
class NoiseSource:
    """A party's noise in one attempt. `seed`: of noise; `block`: the hash of the one that opened the job, which nobody
    knew when seeds were committed to."""

    seed: bytes = field(repr=False)
    job: bytes
    attempt: int
    block: bytes

    def draw(self, release: GaussianRelease) -> DrawnNoise:
        """The same for the party and for an auditor. Each `what` has noise of its own."""
        labels = (self.job, self.attempt.to_bytes(4, "big"), self.block, release.what.encode())
        return draw(release, stream(self.seed, *labels))


def stream(seed: bytes, *labels: bytes) -> Entropy:
    """Random bytes that follow from a party's seed and the labels: ChaCha20 under HMAC-SHA-256(seed, labels)."""
    info = b"".join(map(frame, labels))
    key = hmac.new(seed, b"placet.stream/1" + info, _sha256).digest()
    return keystream(key)
