"""`python -m placet.sandbox.signing FOLDER URL KEY OFFER UNTIL USES OUT`: consents of the persons whom a JSON list on
stdin names.

Each under a key of its own, signed, enrolled and written to the file OUT as a row of a table in Parquet. They count
from now until the Unix second UNTIL, from the next job that opens on the offer on, for so many uses.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from placet.chain.client import Chain
from placet.chain.keystore import load_secret
from placet.core.batch_file import BatchRow
from placet.core.consent import ConsentFields
from placet.core.enrolment import enrolment_hash, subject_commitment
from placet.core.ids import OfferId
from placet.core.offers import Offer, Scope
from placet.core.signatures import Key
from placet.core.trust import Deployment, TrustList
from placet.core.values import from_hex
from placet.core.wording import Wording
from placet.node.consents.scopes import Scopes
from placet.vault.consent_table import TableWriter


@dataclass(frozen=True)
class Window:
    """When consents count: Unix seconds, and from which opening for how many."""

    not_before: int
    not_after: int
    first_opening: int = 0
    uses: int = 1


@dataclass(frozen=True)
class BulkSigner:
    """Makes consents to one offer in many persons' names. `enroller`: the enroller's secret key, 32 bytes."""

    offer: Offer
    scope: Scope
    trust: TrustList
    deployment: Deployment
    enroller: bytes

    def consents(self, subjects: Sequence[str], windows: Sequence[Window]) -> Iterator[BatchRow]:
        """A row for each person, under a fresh key, in the order of the persons."""
        wording = Wording(self.offer, self.scope, self.trust.name)
        enroller, digest = Key(self.enroller), self.deployment.consents.digest
        for subject, window in zip(subjects, windows, strict=True):
            owner, salt, opener = Key(), secrets.token_bytes(32), secrets.token_bytes(32)
            times = (window.not_before, window.not_after, window.first_opening, window.uses)
            commitment = subject_commitment(subject, opener)
            consent = ConsentFields(owner.address, *times, commitment, salt)
            yield BatchRow(
                consent=consent,
                signature=owner.sign(digest(wording.consent_id(consent))),
                enroller=enroller.address,
                enrolled=enroller.sign(digest(enrolment_hash(owner.address, self.scope.namespace, commitment))),
                opening=(subject, opener),
            )


def main(folder: Path, url: str, key: str, offer: str, until: int, uses: int, out: Path) -> None:
    """Of a sandbox's folder: its deployment and trust list, the provider's scopes, the enroller's key."""
    deployment = Deployment.model_validate_json((folder / "deployment.json").read_bytes())
    trust = TrustList.model_validate_json((folder / "trust.json").read_bytes())
    state = Chain(url, deployment).offer(OfferId(from_hex(offer)))
    scope = Scopes(folder / key / "scopes").of(state.offer)
    passphrase = (folder / "passphrase").read_text().strip()
    enroller = load_secret(folder / "registry" / "enroller.json", passphrase)
    signer = BulkSigner(state.offer, scope, trust, deployment, enroller)
    persons = json.load(sys.stdin)
    window = Window(int(time.time()), until, state.openings, uses)
    with TableWriter(out) as table:
        table.add(signer.consents(persons, [window] * len(persons)))


if __name__ == "__main__":
    _, folder, url, key, offer, until, uses, out = sys.argv
    main(Path(folder), url, key, offer, int(until), int(uses), Path(out))
