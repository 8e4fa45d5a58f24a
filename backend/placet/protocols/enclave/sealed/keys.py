"""What a party gives an enclave besides its document, sealed to the key that the enclave's evidence names (HPKE).

sealed   = HPKE(enclave's key, content, info)       content = data key(32) ‖ salt(32) ‖ release key(32) ‖ name
info     = "placet.enclave-key/1" ‖ chain(32) ‖ job(32) ‖ attempt(4) ‖ consent(32) ‖ role(1) ‖ SHA-256(task)(32)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import x25519

from placet.core.enclave_policy import Role
from placet.core.errors import InputError
from placet.core.hashing import keccak
from placet.core.masking import SUITE
from placet.core.text import tidied
from placet.protocols.enclave.sealed.documents import DocumentKey
from placet.protocols.enclave.sealed.sizes import MAX_NAME, MAX_SEALED
from placet.protocols.enclave.sealed.task import Task, role_byte

_TAG: Final = b"placet.enclave-key/1"


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """A document's key, the party's release key (32 bytes), and the document's name, which tells its format."""

    document: DocumentKey
    release: bytes
    name: str

    def __repr__(self) -> str:
        return "Secrets(…)"


def seal(content: Secrets, enclave: bytes, task: Task, role: Role) -> bytes:
    """For the enclave's X25519 key (32 bytes), this task and this role alone."""
    try:
        name = content.name.encode()
    except UnicodeEncodeError:  # whose text holds the name
        raise InputError("the document's name is no text", expected="Unicode", code="enclave.key") from None
    keys = (content.document.key, content.document.salt, content.release)
    if not 0 < len(name) <= MAX_NAME or any(len(key) != 32 for key in keys):
        raise InputError("a name of 1 to 1,024 bytes and keys of 32 are sealed", code="enclave.key")
    if keccak(content.release) != task.input(role).release:
        raise InputError("the task names another release key", code="enclave.release-key")
    plain = content.document.key + content.document.salt + content.release + name
    return SUITE.encrypt(plain, x25519.X25519PublicKey.from_public_bytes(enclave), info=_info(task, role))


def unseal(sealed: bytes, secret: x25519.X25519PrivateKey, task: Task, role: Role) -> Secrets:
    """InputError `enclave.key` if it was sealed to another key, for another task or role, or altered;
    `enclave.release-key` if the task names another release key."""
    try:
        if len(sealed) > MAX_SEALED:
            raise ValueError
        plain = SUITE.decrypt(sealed, secret, info=_info(task, role))
        if len(plain) <= 96:
            raise ValueError
        name = tidied(plain[96:].decode(), 255)
    except (InvalidTag, ValueError):
        raise InputError("the sealed keys do not open here, for this task", code="enclave.key") from None
    keys = Secrets(document=DocumentKey(key=plain[:32], salt=plain[32:64]), release=plain[64:96], name=name)
    if keccak(keys.release) != task.input(role).release:
        raise InputError("the release key is not the one that the task names", code="enclave.release-key")
    return keys


def _info(task: Task, role: Role) -> bytes:
    chain, attempt = task.chain.to_bytes(32, "big"), task.attempt.to_bytes(4, "big")
    return _TAG + chain + task.job + attempt + task.input(role).consent + role_byte(role) + task.digest()
