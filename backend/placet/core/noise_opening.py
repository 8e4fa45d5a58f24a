"""How a party opens its noise of a job to an auditor, and to nobody else.

The plan's `seed` commits to two things: a digest of the party's seed for everything else, and the seed of its noise.
An opening shows the second beside the first, so whoever has it checks it against the plan that all have signed: it
needs no signature. It is encrypted (HPKE, RFC 9180) to the auditor, since whoever has it and the noisy numbers has the
exact ones, which no privacy budget pays for.
"""

from __future__ import annotations

from typing import Annotated, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import x25519
from pydantic import Field

from placet.core.errors import InputError
from placet.core.hashing import sha256
from placet.core.ids import JobId
from placet.core.masking import SUITE
from placet.core.values import U32, Bytes32, Octets, Value, parse

MAX_SEALED = 1 << 10


def committed(work: bytes, noise: bytes) -> bytes:
    """SHA-256("placet.seed/1" ‖ work ‖ SHA-256("placet.seed.noise/1" ‖ noise)), of a digest and a seed of 32 bytes."""
    return sha256(b"placet.seed/1", work, sha256(b"placet.seed.noise/1", noise))


def auditor_secret(secret: bytes) -> bytes:
    """The X25519 secret under which noise is opened to an auditor, of the secret of its signing key (32 bytes)."""
    return sha256(b"placet.auditor/1", secret)


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


def _info(job: bytes, party: int) -> bytes:
    return b"placet.noise/1" + job + party.to_bytes(4, "big")


def seal_noise(opening: NoiseOpening, auditor: bytes) -> SealedNoise:
    """For the auditor with that public key. InputError where it is no X25519 key."""
    try:
        key = x25519.X25519PublicKey.from_public_bytes(auditor)
        sealed = SUITE.encrypt(opening.model_dump_json().encode(), key, info=_info(opening.job, opening.party))
    except ValueError:
        raise InputError("no key that noise can be opened to", expected="an auditor's X25519 key") from None
    return SealedNoise(job=opening.job, party=opening.party, auditor=auditor, sealed=sealed)


def open_noise(sealed: SealedNoise, secret: bytes) -> NoiseOpening:
    """InputError where the auditor's secret does not open it, or it is another job's or party's."""
    refusal = InputError("an opening of noise that is none for this key", found=f"party {sealed.party}")
    try:
        key = x25519.X25519PrivateKey.from_private_bytes(secret)
        raw = SUITE.decrypt(sealed.sealed, key, info=_info(sealed.job, sealed.party))
    except (InvalidTag, ValueError):
        raise refusal from None
    opening = parse(NoiseOpening, raw, limit=MAX_SEALED, what="opening of noise")
    if (opening.job, opening.party) != (sealed.job, sealed.party):
        raise refusal
    return opening
