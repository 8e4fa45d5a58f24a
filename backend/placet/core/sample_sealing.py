"""An opening of drawn places for one auditor: encrypted to his key."""

from __future__ import annotations

from placet.core.auditor_sealing import decrypted, encrypted
from placet.core.errors import InputError
from placet.core.sample import MAX_SAMPLE, SampleOpening, SealedSample
from placet.core.values import parse


def _info(job: bytes, party: int) -> bytes:
    return b"placet.sample/1" + job + party.to_bytes(4, "big")


def seal_sample(opening: SampleOpening, auditor: bytes) -> SealedSample:
    """For the auditor with that public key. InputError where it is no X25519 key."""
    sealed = encrypted(opening.model_dump_json().encode(), auditor, _info(opening.job, opening.party))
    return SealedSample(job=opening.job, party=opening.party, auditor=auditor, sealed=sealed)


def open_sample(sealed: SealedSample, secret: bytes) -> SampleOpening:
    """InputError where the auditor's secret does not open it, or it is another job's or party's."""
    raw = decrypted(sealed.sealed, secret, _info(sealed.job, sealed.party))
    opening = None if raw is None else parse(SampleOpening, raw, limit=MAX_SAMPLE, what="opening of drawn places")
    if opening is None or (opening.job, opening.party) != (sealed.job, sealed.party):
        raise InputError("an opening of drawn places that is none for this key", found=f"party {sealed.party}")
    return opening
