"""What comes into a vault, and goes for ever: consents, one by one and in batches, and where their leaves stand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence

from placet.core.consent import CompactConsent, Consent, demand_derived
from placet.core.enrolment import Enrolment, EnrolmentOpening, accepted_enrollers
from placet.core.enrolment_batch import Enrolments
from placet.core.erasure import person_mark
from placet.core.errors import ConsentError, InputError, NotFoundError, PlacetError, SignatureError, StateError
from placet.core.ids import BatchRoot, ConsentId, OfferId
from placet.core.merkle import batch_root
from placet.core.offers import Offer, Scope
from placet.core.values import to_hex
from placet.core.wording import Wording
from placet.vault.admission import AdmissionContext, Submission, Tag, admit, demand_offer
from placet.vault.admitted import admit_rows, record_of
from placet.vault.batches import BatchCheck, BatchReader, without_collector
from placet.vault.columns import RowSubjects, column
from placet.vault.records import ConsentRecord, OfferBinding
from placet.vault.schema import DatasetInfo
from placet.vault.state import VaultState

log = logging.getLogger(__name__)


class Admissions(VaultState):
    """Admits consents to an offer of the vault's own rows, after the same checks as everybody's."""

    def admit(
        self,
        consent: Consent,
        scope: Scope,
        signature: bytes,
        enrolment: Enrolment | None,
        opening: EnrolmentOpening | None,
    ) -> ConsentId:
        demand_derived(consent, scope, self._trust.name)
        submission = Submission(
            consent=CompactConsent.of(consent), signature=signature, enrolment=enrolment, opening=opening
        )
        outcome = self.admit_many(consent.offer, scope, [submission])[0]
        if isinstance(outcome, PlacetError):
            raise outcome
        if outcome != consent.id:
            raise StateError("two ways to a consent's id disagree", expected=to_hex(consent.id), found=to_hex(outcome))
        return outcome

    def admit_many(
        self, offer: Offer, scope: Scope, submissions: Sequence[Submission]
    ) -> list[ConsentId | PlacetError]:
        with self._lock:
            _, situation = self._situation(offer, scope)
            wording = Wording(offer, scope, self._trust.name)
            outcomes: list[ConsentId | PlacetError] = []
            admitted: dict[ConsentId, ConsentRecord] = {}
            for submission in submissions:
                try:
                    identity = admit(submission, wording, situation)
                    if self._records.is_erased(identity):
                        raise _erased(identity)
                except (ConsentError, SignatureError, InputError) as error:
                    outcomes.append(error)
                    continue
                admitted[identity] = record_of(submission, situation.tag)
                outcomes.append(identity)
            self._records.add(offer.id, admitted)
        log.info("admitted %d of %d consents to offer %s", len(admitted), len(submissions), to_hex(offer.id))
        return outcomes

    def admit_batch(
        self,
        reader: BatchReader,
        tell: Callable[[int], None],
        processes: int = 0,
        enrolments: Collection[Enrolments] = (),
    ) -> None:
        """Check all of a batch file and admit it, all or nothing, and the batches of enrolments that its rows rely
        on. InputError names a row that may not come in."""
        header = reader.header
        work = BatchCheck(reader, self._deployment, self._trust, processes, enrolments)
        with self._lock, without_collector(), work as check:
            _, situation = self._situation(header.offer, header.scope)
            parts = admit_rows(check.run(), situation, tell)
            self._records.add_batch(header.offer.id, header.root, parts, check.used)
        log.info("admitted batch %s: %d consents", to_hex(header.root), header.count)

    def _tag(self, dataset: DatasetInfo) -> Tag:
        return lambda subject: self._tables.tag(dataset.name, subject)

    def _situation(self, offer: Offer, scope: Scope) -> tuple[DatasetInfo, AdmissionContext]:
        now = self._look(thorough=False)
        dataset = self._serve(offer, scope)
        none = column(b"")
        subjects = self._tables.subjects(dataset.name) if dataset.origin is None else RowSubjects(none, none)
        return dataset, AdmissionContext(
            facts=self._chain.offer(offer.id),
            scope=scope,
            names=self._trust.name,
            enrollers=accepted_enrollers(scope, self._trust),
            institution=self._institution,
            domain=self._deployment.consents,
            verifiers=self._chain.verifiers,
            now=now.time,
            dead=self._chain.dead(offer.id),
            tag=self._tag(dataset),
            subjects=subjects,
        )

    def _serve(self, offer: Offer, scope: Scope) -> DatasetInfo:
        dataset = self._dataset(offer.dataset)
        facts = self._chain.offer(offer.id)
        if facts.offer != offer or scope.hash != offer.scope:
            raise ConsentError("the offer or its scope is not the one on chain", code="consent.offer")
        demand_offer(facts, scope, dataset, self._institution, self._trust.name)
        self._records.bind(OfferBinding(offer=offer, scope=scope, dataset=dataset.name))
        return dataset

    def note_batch(self, offer: OfferId, root: BatchRoot, leaves: Sequence[ConsentId]) -> None:
        if batch_root(leaves) != root:
            raise InputError("these are not the batch's leaves", expected=to_hex(root), code="batch.root")
        with self._lock:
            self._records.note_batch(offer, root, leaves)

    def mark(self, consent: ConsentId, salt: bytes) -> bytes | None:
        """Of the person who gave a consent; None where the vault does not know who that is."""
        with self._lock:
            try:
                opening = self._records.one(consent, None).record.opening
            except NotFoundError:
                return None
        return None if opening is None else person_mark(salt, opening.subject)

    def erase(self, consent: ConsentId) -> bool:
        with self._lock:
            erased = self._records.erase(consent)
        log.info("erase %s: %s", to_hex(consent), "done" if erased else "nothing there")
        return erased


def _erased(consent: ConsentId) -> ConsentError:
    return ConsentError(
        "the consent was erased",
        found=to_hex(consent),
        remedy="who consents once more signs a new one",
        code="consent.erased",
    )
