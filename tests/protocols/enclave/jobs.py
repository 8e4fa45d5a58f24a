"""A small job between two parties: its task, both sides' documents and secrets."""

from __future__ import annotations

import io
import secrets
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric import x25519

from placet.core.enclave_policy import ROLES, EnclavePolicy, Recipient, Role
from placet.core.hashing import keccak
from placet.protocols.enclave.sealed.documents import Locked, encrypt
from placet.protocols.enclave.sealed.keys import Secrets
from placet.protocols.enclave.sealed.release import ChainStanding, Question
from placet.protocols.enclave.sealed.results import open_result
from placet.protocols.enclave.sealed.task import Task, TaskInput

CHAIN = 31337


@dataclass(frozen=True)
class Side:
    role: Role
    party: int
    encrypted: bytes
    document: Locked
    secrets: Secrets
    consent: bytes
    key: x25519.X25519PrivateKey

    def input(self) -> TaskInput:
        return TaskInput(
            role=self.role,
            party=self.party,
            consent=self.consent,
            document=self.document.digest,
            size=self.document.size,
            commitment=self.document.commitment,
            release=keccak(self.secrets.release),
        )


def side(role: Role, party: int, job: bytes, plain: bytes, name: str) -> Side:
    out = io.BytesIO()
    document, key = encrypt(io.BytesIO(plain), out, job=job, role=role)
    given = Secrets(document=key, release=secrets.token_bytes(32), name=name)
    return Side(
        role, party, out.getvalue(), document, given, secrets.token_bytes(32), x25519.X25519PrivateKey.generate()
    )


@dataclass(frozen=True)
class Job:
    task: Task
    sides: tuple[Side, Side]

    @classmethod
    def of(
        cls,
        before: bytes,
        after: bytes,
        names: tuple[str, str] = ("old.txt", "new.txt"),
        job: bytes | None = None,
    ) -> Job:
        job = secrets.token_bytes(32) if job is None else job
        sides = (side("before", 0, job, before, names[0]), side("after", 1, job, after, names[1]))
        recipients = tuple(Recipient(party=one.party, key=one.key.public_key().public_bytes_raw()) for one in sides)
        inputs = tuple(one.input() for one in sides)
        task = Task(chain=CHAIN, job=job, policy=bytes(32), attempt=1, inputs=inputs, recipients=recipients)
        return cls(task, sides)

    def under(self, policy: EnclavePolicy) -> Job:
        """The same job under this policy."""
        return replace(self, task=self.task.model_copy(update={"policy": policy.digest()}))

    def of_role(self, role: Role) -> Side:
        return self.sides[ROLES.index(role)]

    def open(self, masked: bytes, party: int, enclave: bytes) -> bytes:
        """What a party reads once all release keys are public."""
        keys = [one.secrets.release for one in self.sides]
        secret = self.sides[party].key.private_bytes_raw()
        return open_result(masked, keys, enclave=enclave, secret=secret, task=self.task, party=party)


def holds(question: Question) -> ChainStanding:
    """A chain on which all is well."""
    return ChainStanding(
        time=2**33,
        job=question.job,
        open=True,
        task=question.task,
        consents=("given",) * len(question.consents),
        accepted=True,
    )
