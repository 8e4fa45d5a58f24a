"""An opening of noise for one auditor: encrypted to his key."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from placet.core.auditor_sealing import decrypted, encrypted
from placet.core.errors import InputError
from placet.core.noise_opening import MAX_SEALED, NoiseOpening, SealedNoise
from placet.core.values import parse


def _info(job: bytes, party: int) -> bytes:
    return b"placet.noise/1" + job + party.to_bytes(4, "big")


def seal_noise(opening: NoiseOpening, auditor: bytes) -> SealedNoise:
    """For the auditor with that public key. InputError where it is no X25519 key."""
    sealed = encrypted(opening.model_dump_json().encode(), auditor, _info(opening.job, opening.party))
    return SealedNoise(job=opening.job, party=opening.party, auditor=auditor, sealed=sealed)


def open_noise(sealed: SealedNoise, secret: bytes) -> NoiseOpening:
    """InputError where the auditor's secret does not open it, or it is another job's or party's."""
    raw = decrypted(sealed.sealed, secret, _info(sealed.job, sealed.party))
    opening = None if raw is None else parse(NoiseOpening, raw, limit=MAX_SEALED, what="opening of noise")
    if opening is None or (opening.job, opening.party) != (sealed.job, sealed.party):
        raise InputError("an opening of noise that is none for this key", found=f"party {sealed.party}")
    return opening


def opened_by(secret: bytes, sealed: Iterable[SealedNoise]) -> dict[int, NoiseOpening]:
    """What an auditor's secret opens, by party; what is for another key is left out."""
    openings = {}
    for one in sealed:
        with contextlib.suppress(InputError):
            openings[one.party] = open_noise(one, secret)
    return openings
