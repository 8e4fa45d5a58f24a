"""An opening of noise for one auditor: encrypted by HPKE (RFC 9180) to his key."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import x25519

from placet.core.errors import InputError
from placet.core.hashing import sha256
from placet.core.masking import SUITE
from placet.core.noise_opening import MAX_SEALED, NoiseOpening, SealedNoise
from placet.core.values import parse


def auditor_secret(secret: bytes) -> bytes:
    """The X25519 secret under which noise is opened to an auditor, of the secret of its signing key (32 bytes)."""
    return sha256(b"placet.auditor/1", secret)


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


def opened_by(secret: bytes, sealed: Iterable[SealedNoise]) -> dict[int, NoiseOpening]:
    """What an auditor's secret opens, by party; what is for another key is left out."""
    openings = {}
    for one in sealed:
        with contextlib.suppress(InputError):
            openings[one.party] = open_noise(one, secret)
    return openings
