"""What can be sent to the contracts: one method a function, each a `Call` that a sender signs and sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from placet.chain.abi import function
from placet.core.consent import Consent, Grant
from placet.core.ids import BatchRoot, ConsentId, DatasetId, JobId, OfferId
from placet.core.offers import Offer, Subjects
from placet.core.plan import Amendment, Plan, Seal
from placet.core.stakes import Fault, StakeTerms
from placet.core.trail import SignedMessage
from placet.core.trust import Deployment
from placet.core.values import ZERO32

BatchProof: TypeAlias = tuple[bytes, Sequence[bytes]]
"""A batch's root and the siblings from a leaf up to it."""

NO_PROOF: BatchProof = (ZERO32, ())


@dataclass(frozen=True)
class Call:
    """A contract call: whom, with which data, and what it is for people."""

    to: bytes
    data: bytes
    what: str


def through(account: bytes, call: Call) -> Call:
    """The same call in the name of an institution's account, for its key to send."""
    return Call(account, function("InstitutionAccount", "execute").encode(call.to, call.data), call.what)


class Calls:
    """The functions of one deployment. InputError where a value does not fit the contract's type."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def _dataset(self, name: str, *values: Any) -> Call:
        return _call("DatasetRegistry", self._deployment.dataset_registry.address, name, *values)

    def _consent(self, name: str, *values: Any) -> Call:
        return _call("ConsentRegistry", self._deployment.consent_registry.address, name, *values)

    def _job(self, name: str, *values: Any) -> Call:
        return _call("JobLedger", self._deployment.job_ledger.address, name, *values)

    def _enclave(self, name: str, *values: Any) -> Call:
        return _call("EnclaveRegistry", self._deployment.enclave_registry.address, name, *values)

    def _stake(self, name: str, *values: Any) -> Call:
        return _call("AuditStakes", self._deployment.audit_stakes.address, name, *values)

    def register(
        self, dataset: DatasetId, subjects: Subjects, schema: bytes, commitment: bytes, budget: int = 0
    ) -> Call:
        """Sender becomes the dataset's provider and says whom its rows are about; `budget` in nano-rho."""
        return self._dataset("register", dataset, subjects, schema, commitment, budget)

    def register_model(
        self, dataset: DatasetId, origin: JobId, schema: bytes, commitment: bytes, card: bytes, budget: int = 0
    ) -> Call:
        """Sender becomes the provider of its part of the model that the job `origin` made; `commitment` is to all
        parts, `card` the hash of the sender's model card."""
        return self._dataset("registerModel", dataset, origin, schema, commitment, card, budget)

    def commit(self, dataset: DatasetId, commitment: bytes) -> Call:
        """Provider: a new commitment to the dataset's rows; refused for a model."""
        return self._dataset("commit", dataset, commitment)

    def offer(self, offer: Offer) -> Call:
        """Provider of the offer's dataset."""
        terms = (offer.dataset, offer.consumer, offer.purpose, offer.operations, offer.scope, offer.budget)
        return self._consent("offer", terms)

    def appoint(self, relay: bytes, allowed: bool = True) -> Call:
        """Provider: let `relay` anchor and revoke for it, or no longer."""
        return self._consent("appoint", relay, allowed)

    def grant(self, consent: Consent, signature: bytes) -> Call:
        """Anybody, under the owner's signature."""
        return self._consent("grant", consent.grant(), signature)

    def grant_many(self, consents: Sequence[Consent], signatures: Sequence[bytes]) -> Call:
        """Anybody, under the owners' signatures."""
        return self._consent("grantMany", [consent.grant() for consent in consents], signatures)

    def anchor(self, offer: OfferId, root: BatchRoot) -> Call:
        """Provider or relay: a batch's root."""
        return self._consent("anchor", offer, root)

    def withdraw(self, grant: Grant, signature: bytes) -> Call:
        """Anybody, under the owner's signature over the withdrawal."""
        return self._consent("withdraw", grant, signature)

    def withdraw_batched(self, grant: Grant, signature: bytes, batch: BatchRoot, proof: Sequence[bytes]) -> Call:
        """`withdraw` of a leaf of an anchored batch: changes the offer's epoch."""
        return self._consent("withdrawBatched", grant, signature, batch, proof)

    def withdraw_many(self, grants: Sequence[Grant], signatures: Sequence[bytes], proofs: Sequence[BatchProof]) -> Call:
        """Many withdrawals; `NO_PROOF` where there is no batch."""
        return self._consent("withdrawMany", grants, signatures, proofs)

    def prove(self, consent: ConsentId, offer: OfferId, batch: BatchRoot, proof: Sequence[bytes]) -> Call:
        """Anybody: show that a consent that has ended lies in an anchored batch."""
        return self._consent("prove", consent, offer, batch, proof)

    def revoke(self, grant: Grant, reason: bytes) -> Call:
        """Provider or relay: end a consent without its owner."""
        return self._consent("revoke", grant, reason)

    def revoke_batched(self, grant: Grant, reason: bytes, batch: BatchRoot, proof: Sequence[bytes]) -> Call:
        """`revoke` of a leaf of an anchored batch."""
        return self._consent("revokeBatched", grant, reason, batch, proof)

    def revoke_many(self, grants: Sequence[Grant], reason: bytes, proofs: Sequence[BatchProof]) -> Call:
        """Many revocations; `NO_PROOF` where there is no batch."""
        return self._consent("revokeMany", grants, reason, proofs)

    def anchor_erasure(self, offer: OfferId, consent: ConsentId, receipt: bytes) -> Call:
        """Provider or relay: the hash of its receipt for the erasure of an ended consent."""
        return self._consent("anchorErasure", offer, consent, receipt)

    def open(self, plan: Plan, signatures: Sequence[bytes]) -> Call:
        """Anybody, under the signatures of parties, consumer and sponsor."""
        return self._job("open", plan.to_tuple(), signatures)

    def cancel(self, plan: Plan, signer: int, signature: bytes = b"") -> Call:
        """A signer of the plan, by its place in the list of signatures; without signature if it sends itself."""
        return self._job("cancel", plan.to_tuple(), signer, signature)

    def record(self, job: JobId, attempt: int, party: int, from_: int, hashes: Sequence[bytes]) -> Call:
        """The party's recorder: step hashes after the first `from_`."""
        return self._job("record", job, attempt, party, from_, hashes)

    def amend(self, plan: Plan, amendment: Amendment, signatures: Sequence[bytes]) -> Call:
        """Anybody, under the parties' signatures: the next attempt."""
        return self._job("amend", plan.to_tuple(), amendment.roots, amendment.epochs, signatures)

    def seal(self, plan: Plan, seal: Seal, steps: Sequence[Sequence[bytes]], signatures: Sequence[bytes]) -> Call:
        """Anybody, under the signatures of parties and consumer. `steps`: of each party the step hashes that its trail
        on chain lacks to the seal's head."""
        return self._job("seal", plan.to_tuple(), seal.to_tuple(), steps, signatures)

    def release(self, job: JobId, party: int, key: bytes) -> Call:
        """Anybody who has the key."""
        return self._job("release", job, party, key)

    def close(self, job: JobId) -> Call:
        """Anybody, once `settleBy` has passed."""
        return self._job("close", job)

    def abort(self, job: JobId, reason: bytes) -> Call:
        """A party's recorder before the seal; anybody after the deadline."""
        return self._job("abort", job, reason)

    def abort_for_consent(self, plan: Plan, input_: int, reason: bytes) -> Call:
        """Anybody, once the consent that input number `input_` (of all inputs) names is dead."""
        return self._job("abortForConsent", plan.to_tuple(), input_, reason)

    def refund(self, plan: Plan) -> Call:
        """Anybody, of an aborted job in which no party has recorded a step: what its opening spent of privacy budgets
        goes back."""
        return self._job("refund", plan.to_tuple())

    def claim(self, token: bytes) -> Call:
        """Pays the sender what it is owed."""
        return _call("RewardEscrow", self._deployment.reward_escrow.address, "claim", token)

    def claim_for(self, token: bytes, payee: bytes) -> Call:
        """Pays `payee` what it is owed."""
        return _call("RewardEscrow", self._deployment.reward_escrow.address, "claimFor", token, payee)

    def claim_stake(self, token: bytes, payee: bytes) -> Call:
        """Pays `payee` what stakes owe it: its own that came back, others' that were lost to it."""
        return self._stake("claimFor", token, payee)

    def deposit(self, terms: StakeTerms) -> Call:
        """The holder: its stake goes in."""
        return self._stake("deposit", terms.to_tuple())

    def report(self, terms: StakeTerms, fault: Fault, evidence: bytes, signature: bytes) -> Call:
        """Anybody, under the auditor's signature over the finding."""
        return self._stake("report", terms.to_tuple(), int(fault), evidence, signature)

    def report_garbling(self, terms: StakeTerms, committed: SignedMessage, evidence: bytes, signature: bytes) -> Call:
        """Anybody, under the auditor's signature over the finding and the garbler's over what it committed to."""
        message = committed.message
        said = (message.attempt, message.sequence, message.receiver, message.digest, committed.signature)
        return self._stake("reportGarbling", terms.to_tuple(), said, evidence, signature)

    def answer(self, terms: StakeTerms, opening: bytes) -> Call:
        """The holder: the hash of what it hands to the auditor."""
        return self._stake("answer", terms.to_tuple(), opening)

    def uphold(self, terms: StakeTerms, evidence: bytes, signature: bytes) -> Call:
        """Anybody, under the auditor's second signature."""
        return self._stake("uphold", terms.to_tuple(), evidence, signature)

    def settle_stake(self, terms: StakeTerms) -> Call:
        """Anybody, once a stake's time is over."""
        return self._stake("settle", terms.to_tuple())

    def approve(self, token: bytes, spender: bytes, amount: int) -> Call:
        """ERC-20: let `spender` take `amount` from the sender."""
        return _call("SettlementToken", token, "approve", spender, amount)

    def accept(self, measurement: bytes, as_class: int) -> Call:
        """Sender accepts an enclave's measurement id as of an `EnclaveClass`, once."""
        return self._enclave("accept", measurement, as_class)

    def retire(self, measurement: bytes) -> Call:
        """Sender retires a measurement that it accepts, for ever."""
        return self._enclave("retire", measurement)


def _call(contract: str, to: bytes, name: str, *values: Any) -> Call:
    return Call(to, function(contract, name).encode(*values), f"{contract}.{name}")
