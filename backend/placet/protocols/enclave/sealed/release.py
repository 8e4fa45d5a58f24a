"""The moment a party gives its keys away: only to an enclave that has proven itself, for a job that is open on chain.

It runs at the client or in its own vault, never at the service's node. In this order, each refusal by name:

1. the task, the binding and this party's own document are about one job, and the task names this policy
   (`enclave.task`);
2. the evidence holds, under that policy, for this key, job and nonce, now (`attestation.…`);
3. the party's own endpoint of the chain says, and is not behind (`warrant.stale`): the job is open
   (`warrant.not-open`), this is the task that its plan leads to (`warrant.task`), every consent of it is alive
   (`consent.withdrawn` …), the measurement is accepted as of the class that was proven (`attestation.retired`);
4. the evidence still holds after that answer.

Whatever else goes wrong on the way, also in the caller's question to the chain, leaves no key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from placet.core.enclave_policy import EnclaveClass, EnclavePolicy, Role
from placet.core.errors import AttestationError, ConsentError, InputError, WarrantError
from placet.core.ids import ConsentId, JobId
from placet.protocols.enclave.evidence.binding import Binding
from placet.protocols.enclave.evidence.model import EnclaveEvidence, Verified
from placet.protocols.enclave.evidence.verify import verify
from placet.protocols.enclave.sealed.documents import Locked
from placet.protocols.enclave.sealed.keys import Secrets, seal
from placet.protocols.enclave.sealed.task import Task

MAX_LAG: Final = 300
"""Seconds that the block may be old by which the chain's answer is given."""
ConsentStatus = Literal["given", "withdrawn", "revoked", "expired", "exhausted", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a party asks its own endpoint of the chain before it gives its keys away."""

    chain: int
    job: JobId
    attempt: int
    task: bytes
    consents: tuple[ConsentId, ...]
    measurement_id: bytes
    enclave_class: EnclaveClass


@dataclass(frozen=True, kw_only=True)
class ChainStanding:
    """The answer, as of the endpoint's latest block, whose time in Unix seconds is `time`. `open`: the chain holds the
    job opened, in this attempt, neither sealed nor aborted. `task`: the digest of the task that its plan leads to.
    `consents`: the status of each one that was asked about, in that order. `accepted`: the plan's provider accepts the
    measurement in `EnclaveRegistry`, as of the class that was asked about and no other, and has not retired it."""

    time: int
    job: JobId
    open: bool
    task: bytes
    consents: tuple[ConsentStatus, ...]
    accepted: bool


Ask = Callable[[Question], ChainStanding]


@dataclass(frozen=True, kw_only=True)
class Released:
    """Sealed keys, and the verification that they were given for."""

    sealed: bytes
    verified: Verified


def release(
    evidence: EnclaveEvidence,
    policy: EnclavePolicy,
    binding: Binding,
    *,
    task: Task,
    role: Role,
    document: Locked,
    secrets: Secrets,
    ask: Ask,
    now: Callable[[], int],
) -> Released:
    """Seal `secrets` to the enclave that `evidence` proves. `document` is what this party itself encrypted; `now` gives
    Unix seconds, by the party's own clock."""
    _one_job(binding, policy, task, role, document)
    verified = verify(evidence, policy, binding, now())
    question = Question(
        chain=task.chain,
        job=task.job,
        attempt=task.attempt,
        task=task.digest(),
        consents=tuple(one.consent for one in task.inputs),
        measurement_id=verified.measurement_id(),
        enclave_class=verified.enclave_class,
    )
    standing, answered = ask(question), now()
    _judge(standing, question, answered)
    verified.still(answered)
    return Released(sealed=seal(secrets, verified.key, task, role), verified=verified)


def _one_job(binding: Binding, policy: EnclavePolicy, task: Task, role: Role, document: Locked) -> None:
    mine = task.input(role)
    for name, expected, found in (
        ("chain", task.chain, binding.chain),
        ("job", task.job.hex(), binding.job.hex()),
        ("policy", task.policy.hex(), policy.digest().hex()),
        ("document", document.digest.hex(), mine.document.hex()),
        ("document's size", document.size, mine.size),
    ):
        if expected != found:
            raise InputError(f"another {name} than the task's", expected=expected, found=found, code="enclave.task")


def _judge(standing: ChainStanding, question: Question, now: int) -> None:
    if now - standing.time > MAX_LAG:
        raise WarrantError(
            "the chain's endpoint is behind: it may not know of a withdrawal yet",
            expected=f"a block of the last {MAX_LAG} s",
            found=f"one {now - standing.time} s old",
            remedy="ask again, or another endpoint",
            code="warrant.stale",
        )
    if standing.job != question.job or standing.open is not True:
        raise WarrantError(
            "the chain does not hold this job open", expected=question.job.hex(), code="warrant.not-open"
        )
    if standing.task != question.task:
        raise WarrantError(
            "the plan on chain leads to another task",
            expected=standing.task.hex(),
            found=question.task.hex(),
            code="warrant.task",
        )
    if len(standing.consents) != len(question.consents):
        raise ConsentError("not every consent was answered for", code="consent.unknown")
    for consent, status in zip(question.consents, standing.consents, strict=True):
        if status != "given":
            raise ConsentError(
                "a consent of this job does not hold",
                expected="given",
                found=f"{consent.hex()}: {status}",
                remedy="this job gets no keys; propose another one",
                code=f"consent.{status}",
            )
    if standing.accepted is not True:
        raise AttestationError(
            "the registry does not accept this measurement, or no longer",
            found=question.measurement_id.hex(),
            remedy="agree on a plan whose enclave is accepted on chain",
            code="attestation.retired",
        )
