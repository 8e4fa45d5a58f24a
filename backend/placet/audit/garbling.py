"""Does a certificate show that a garbler garbled another circuit? One judge for the audit of a job, for the auditor
whom the plan names, and for whoever has the certificate."""

from __future__ import annotations

import asyncio

from placet.audit.findings import Uncheckable
from placet.catalogue.circuit_psi import CircuitParameters
from placet.catalogue.declared import DeclaredJob, declared
from placet.catalogue.match_statistics import MatchStatisticsParameters
from placet.catalogue.overlap import OverlapParameters
from placet.catalogue.spec import CONSUMER
from placet.core.certificates import GarblingCertificate
from placet.core.eip712 import Domain
from placet.core.errors import ProtocolError
from placet.core.garbling import COMMITTED, GarblingComplaint, counting_context
from placet.core.hashing import sha256
from placet.core.ids import JobId
from placet.core.signatures import Verifiers
from placet.core.values import to_hex


def garbled_otherwise(complaint: GarblingComplaint, parameters: CircuitParameters, job: JobId) -> bool:
    """Makes the garbling again. ProtocolError for what is no certificate, Uncheckable where none can be made."""
    try:
        from placet.protocols.garbled import CheatingCertificate, CountTerms, judged
    except ImportError as missing:
        raise Uncheckable("garblings are made again by Placet's command line, not in a browser") from missing
    certificate = CheatingCertificate(
        complaint.index,
        complaint.choice,
        complaint.choosing_seed,
        complaint.own_seed,
        complaint.answers,
        complaint.payload,
    )
    terms = CountTerms(
        (1, 1),
        summed=isinstance(parameters, MatchStatisticsParameters),
        noisy=isinstance(parameters, OverlapParameters),
        smallest=parameters.smallest_group,
        garblings=parameters.garblings,
    )
    return asyncio.run(judged(certificate, terms, counting_context(job, complaint.attempt)))


def demand_convincing(certificate: GarblingCertificate, job: JobId, jobs: Domain, verifiers: Verifiers) -> DeclaredJob:
    """The job, in which the accused garbled another circuit. PlanError for another plan than the job's, or terms that
    are not its; ProtocolError `garbled.certificate` for what does not show it, by the accused's own signature."""
    _demand_same("of this job", to_hex(job), to_hex(certificate.plan.job(jobs)))
    whole, complaint, signed = (
        declared(certificate.plan, certificate.terms),
        certificate.complaint,
        certificate.committed,
    )
    if whole.garbler is None or not isinstance(whole.parameters, CircuitParameters):
        raise _void("of a plan that has garblings opened", "another plan")
    message, evaluator = signed.message, certificate.terms.roles.index(CONSUMER)
    _demand_same("about the party that garbles", whole.garbler, complaint.accused)
    place = (message.job, message.attempt, message.sender, message.receiver, message.tag, message.digest)
    expected = (job, complaint.attempt, whole.garbler, evaluator, COMMITTED, sha256(complaint.payload))
    if place != expected:
        raise _void("with the message in which the garbler committed to it", "another message")
    recorder = certificate.plan.parties[whole.garbler].recorder
    if not verifiers.accepts(recorder, jobs.digest(message.hash), signed.signature):
        raise _void(f"signed by {to_hex(recorder)}", "another signature")
    if not garbled_otherwise(complaint, whole.parameters, job):
        raise _void("a garbling of something else than its seed says", "the plan's circuit")
    return whole


def _demand_same(expected: str, right: object, found: object) -> None:
    if right != found:
        raise _void(f"{expected}, {right}", str(found))


def _void(expected: str, found: str) -> ProtocolError:
    return ProtocolError("no certificate of cheating", expected=expected, found=found, code="garbled.certificate")
