"""What a vault does: admits consents, works out lawful sets, and hands rows out through the gate.

All methods are synchronous and run one at a time; each looks at the chain anew.
"""

from __future__ import annotations

from placet.core.errors import NotFoundError
from placet.core.evidence import NamedConsent
from placet.core.ids import ConsentId
from placet.core.values import to_hex
from placet.vault.admitting import Admissions
from placet.vault.handover import Handover
from placet.vault.lawful_answers import LawfulAnswers
from placet.vault.records import FoundRecord
from placet.vault.responses import EndpointFindings, KeptConsent, KeptConsents
from placet.vault.sampling import Sampling
from placet.vault.schema import DatasetInfo


class Vault(Admissions, LawfulAnswers, Handover, Sampling):
    """One institution's vault. See `VaultClient` for what each method answers."""

    def datasets(self) -> list[DatasetInfo]:
        return [*self._tables.infos(), *self._models.infos()]

    def endpoint(self) -> EndpointFindings:
        """Waits for no other call: it is asked when something hangs."""
        return self._chain.examine()

    def consent(self, consent: ConsentId, owner: bytes | None) -> KeptConsent:
        """A consent for its owner, or for the institution (None). NotFoundError, the same for another's."""
        with self._lock:
            return _kept(self._records.one(consent, owner))

    def consents_of(self, owner: bytes, after: ConsentId) -> KeptConsents:
        with self._lock:
            return KeptConsents(consents=tuple(map(_kept, self._records.of_owner(owner, after))))

    def named_evidence(self, consent: ConsentId) -> NamedConsent:
        with self._lock:
            record = self._records.records(self._records.offer_of(consent), [consent])[consent]
        if record.enrolment is not None:
            raise NotFoundError("this consent is not named in plans", found=to_hex(consent), code="consent.unknown")
        return NamedConsent(consent=record.consent, signature=record.signature)


def _kept(one: FoundRecord) -> KeptConsent:
    record = one.record
    return KeptConsent(
        id=one.id,
        offer=one.offer,
        consent=record.consent,
        signature=record.signature,
        batch=one.batch,
        leaves=one.leaves,
    )
