"""The certificate that this party has of a garbler's cheat, by itself: for the auditor, who then needs nothing else."""

from __future__ import annotations

from placet.chain.threaded import ask_store
from placet.core.certificates import GarblingCertificate
from placet.core.errors import NotFoundError
from placet.core.garbling import COMMITTED, GarblingComplaint
from placet.core.hashing import sha256
from placet.core.values import to_hex
from placet.jobs.records import JobRecord
from placet.jobs.runner import Runner


async def certificate_of(runner: Runner, record: JobRecord) -> GarblingCertificate:
    """NotFoundError `certificate.none` where this party caught nobody."""
    complaints = await ask_store(runner.settlement.complaints, record.job)
    complaint = next((one for one in complaints if isinstance(one, GarblingComplaint)), None)
    if complaint is not None:
        place = (complaint.attempt, complaint.accused, COMMITTED, sha256(complaint.payload))
        for one in await runner.store.threaded.messages(record.job, receiver=record.party):
            message = one.message
            if (message.attempt, message.sender, message.tag, message.digest) == place:
                return GarblingCertificate(plan=record.plan, terms=record.terms, committed=one, complaint=complaint)
    raise NotFoundError(
        "this institution has no certificate that anybody garbled another circuit",
        found=to_hex(record.job),
        code="certificate.none",
    )
