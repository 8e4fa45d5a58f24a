"""What the worker processes of the benchmark `consents` do: make signed consents and a table, recover keys."""

from __future__ import annotations

import functools
import secrets
from dataclasses import dataclass
from pathlib import Path

import coincurve

from placet.core.batch_file import BatchLine
from placet.core.consent import ConsentFields, Offer, Scope, enrolment_hash, subject_commitment
from placet.core.signatures import Key
from placet.core.trust import Deployment, TrustList
from placet.core.wording import Wording
from placet.vault.config import VaultSettings
from placet.vault.schema import Column
from placet.vault.setup import import_table

STEP = 500
FROM, UNTIL = 1_700_000_000, 4_000_000_000


def subject(i: int) -> str:
    return f"customer-{i:08d}"


@dataclass(frozen=True)
class Many:
    """Whose consents, and to what."""

    offer: Offer
    scope: Scope
    trust: TrustList
    deployment: Deployment
    enroller: bytes

    def lines(self, start: int, end: int) -> bytes:
        """The consents of the customers from `start` to `end`, every one with a key and a time of its own."""
        wording = Wording(self.offer, self.scope, self.trust.name)
        enroller, digest = Key(self.enroller), self.deployment.consents.digest
        made = bytearray()
        for i in range(start, end):
            owner, salt, opener = Key(), secrets.token_bytes(32), secrets.token_bytes(32)
            commitment = subject_commitment(subject(i), opener)
            consent = ConsentFields(owner.address, FROM + i, UNTIL, 0, 9, commitment, salt)
            identity = wording.consent_id(consent)
            line = BatchLine(
                consent=consent,
                signature=owner.sign(digest(identity)),
                enroller=enroller.address,
                enrolled=enroller.sign(digest(enrolment_hash(owner.address, commitment))),
                opening=(subject(i), opener),
            )
            made += line.encode() + b"\n"
        return bytes(made)


def make_table(settings: VaultSettings, file: Path, n: int) -> tuple[bytes, bytes, bytes]:
    """A table of `n` customers; its id, schema and commitment."""
    with file.open("w") as sink:
        sink.write("customer,balance\n")
        sink.writelines(f"{subject(i)},{i}\n" for i in range(n))
    columns = {"customer": Column(source="customer", type="text"), "balance": Column(source="balance", type="integer")}
    info = import_table(settings, "accounts", file, "customer", columns)
    return info.dataset, info.schema_hash, info.commitment


@functools.cache
def _signed() -> list[tuple[bytes, bytes]]:
    keys = [coincurve.PrivateKey() for _ in range(64)]
    digests = [secrets.token_bytes(32) for _ in keys]
    return [(key.sign_recoverable(digest, hasher=None), digest) for key, digest in zip(keys, digests, strict=True)]


def recover_bare(count: int) -> None:
    """So many recoveries by coincurve, and nothing else."""
    signed = _signed()
    for i in range(count):
        signature, digest = signed[i % len(signed)]
        coincurve.PublicKey.from_signature_and_message(signature, digest, hasher=None)
