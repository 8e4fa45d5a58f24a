"""A result as it leaves the enclave: for each recipient encrypted and masked as every output is (`core.masking`), under
a key that all release keys make together.

    joint key = HKDF-SHA-256(ikm = release key of `before`(32) ‖ of `after`(32), no salt,
                             info = "placet.joint/1" ‖ job(32) ‖ attempt(4) ‖ party(4) ‖ enclave's key(32), 32 bytes)

Without any one of the release keys nothing is known of it. It is another one for each recipient and for each enclave,
so nothing is ever masked twice under one key, also where an attempt's task is given to a second enclave.

A recipient can't open it before the release, but must know before the seal that it is the enclave's, since the seal
pays. So a tag follows what is masked, under a key that only the recipient and the enclave know:

    result = masked ‖ HMAC-SHA-256(recipient's data key, "placet.result/1" ‖ SHA-256(task) ‖ enclave's key ‖ masked)
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from placet.core.enclave_policy import Recipient
from placet.core.errors import InputError
from placet.core.hashing import keccak
from placet.core.masking import mask, unmask
from placet.protocols.enclave.sealed.documents import DocumentKey
from placet.protocols.enclave.sealed.task import Task

TAG: Final = 32
"""Bytes of a result's tag."""


def seal_result(
    result: bytes, keys: Sequence[bytes], *, enclave: bytes, task: Task, recipient: Recipient, document: DocumentKey
) -> bytes:
    """`keys` are the release keys, in the order of the task's inputs; `enclave` is its own public key; `document` is
    the key of the recipient's own document."""
    key = _joint_key(keys, enclave, task, recipient.party)
    place = {"attempt": task.attempt, "party": recipient.party}
    ephemeral = secrets.token_bytes(32)
    masked = mask(result, key=key, ephemeral=ephemeral, consumer=recipient.key, job=task.job, **place)
    return masked + _tag(masked, enclave, task, document)


def demand_genuine(sealed: bytes, *, enclave: bytes, task: Task, document: DocumentKey) -> None:
    """InputError `enclave.result` unless it is, to the last byte, what the enclave made for that document's owner."""
    masked, tag = sealed[:-TAG], sealed[-TAG:]
    if not hmac.compare_digest(tag, _tag(masked, enclave, task, document)):
        raise InputError(
            "the result is not the one that the enclave gave out", remedy="sign no seal over it", code="enclave.result"
        )


def open_result(
    sealed: bytes, keys: Sequence[bytes], *, enclave: bytes, secret: bytes, task: Task, party: int
) -> bytes:
    """What recipient `party` reads with its X25519 secret once all release keys are public. `enclave` is the key that
    the evidence named. InputError if it does not open, `enclave.release-key` for keys that the task does not name."""
    key = _joint_key(keys, enclave, task, party)
    return unmask(sealed[:-TAG], key=key, secret=secret, job=task.job, attempt=task.attempt, party=party)


def _tag(masked: bytes, enclave: bytes, task: Task, document: DocumentKey) -> bytes:
    return hmac.digest(document.key, b"placet.result/1" + task.digest() + enclave + masked, "sha256")


def _joint_key(keys: Sequence[bytes], enclave: bytes, task: Task, party: int) -> bytes:
    if [keccak(key) for key in keys] != [one.release for one in task.inputs] or any(len(key) != 32 for key in keys):
        raise InputError("the release keys are not those that the task names", code="enclave.release-key")
    place = task.job + task.attempt.to_bytes(4, "big") + party.to_bytes(4, "big")
    info = b"placet.joint/1" + place + enclave
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(b"".join(keys))
