"""The enclave: opens both documents, compares them, and gives the result out sealed.

Its private key is made here and never leaves; so do the documents and the result in the clear. What it
believes is what both parties sealed their keys for, the task; from its host it takes ciphertexts and nothing else.
"""

from __future__ import annotations

from typing import BinaryIO, Final

from cryptography.hazmat.primitives.asymmetric import x25519

from placet.comparison.compare import compare
from placet.comparison.limits import MAX_BYTES
from placet.core.enclave_policy import ROLES, Role
from placet.core.errors import DataError, InputError, ProtocolError
from placet.core.values import build_values
from placet.protocols.enclave import codes
from placet.protocols.enclave.frames import FrameKind, encode, pieces, read
from placet.protocols.enclave.sealed.documents import Hashing, decrypt
from placet.protocols.enclave.sealed.keys import Secrets, unseal
from placet.protocols.enclave.sealed.results import seal_result
from placet.protocols.enclave.sealed.sizes import MAX_RESULT, encrypted_size
from placet.protocols.enclave.sealed.task import Task, TaskInput, read_task, role_byte

LATE: Final = ("pypdf", "placet.comparison.reading.pdf_page")
"""What the comparison imports only when it needs it."""
build_values()  # as the image is made, so that all that it takes is in the image


def run(source: BinaryIO, sink: BinaryIO) -> None:
    """One job, from the key to the result or a code."""
    secret = x25519.X25519PrivateKey.generate()
    _say(sink, FrameKind.READY, secret.public_key().public_bytes_raw())
    try:
        results = _work(source, secret)
    except Exception as error:
        _say(sink, FrameKind.FAILED, codes.of(error).encode())
        return
    for masked in results:
        for piece in pieces(masked):
            _say(sink, FrameKind.RESULT, piece)
        _say(sink, FrameKind.END)
    _say(sink, FrameKind.DONE)


def _work(source: BinaryIO, secret: x25519.X25519PrivateKey) -> list[bytes]:
    task = _task(source)
    secrets = [_secrets(source, secret, task, role) for role in ROLES]
    before, after = (_document(source, task, task.input(role), mine) for role, mine in zip(ROLES, secrets, strict=True))
    result = compare(before, secrets[0].name, after, secrets[1].name).model_dump_json().encode()
    if len(result) > MAX_RESULT:
        raise ProtocolError("the result is too large", code="enclave.large")
    keys = [one.release for one in secrets]
    enclave = secret.public_key().public_bytes_raw()
    openers = {one.party: mine.document for one, mine in zip(task.inputs, secrets, strict=True)}
    return [
        seal_result(result, keys, enclave=enclave, task=task, recipient=one, document=openers[one.party])
        for one in task.recipients
    ]


def _task(source: BinaryIO) -> Task:
    _, body = read(source, FrameKind.TASK)
    try:
        return read_task(body)
    except InputError:
        raise InputError("the task is malformed", code="enclave.task") from None


def _secrets(source: BinaryIO, secret: x25519.X25519PrivateKey, task: Task, role: Role) -> Secrets:
    _, body = read(source, FrameKind.KEY)
    if body[:1] != role_byte(role):
        raise ProtocolError("keys of another role than is due", code="enclave.protocol")
    return unseal(body[1:], secret, task, role)


class _Incoming:
    """An encrypted document as it comes in, counted and hashed."""

    def __init__(self, source: BinaryIO, expected: TaskInput) -> None:
        self._source, self._expected = source, expected
        self._taken = Hashing()
        self._rest, self._ended = b"", False

    def read(self, size: int) -> bytes:
        if not self._rest and not self._ended:
            kind, self._rest = read(self._source, FrameKind.DOCUMENT, FrameKind.END)
            self._ended = kind is FrameKind.END
            self._taken.pass_on(self._rest)
            if self._taken.size > self._expected.size:
                raise _another()
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def check(self) -> None:
        """That it was, to the last byte, the one that the task names."""
        arrived = (self._taken.size, self._taken.digest())
        if not self._ended or arrived != (self._expected.size, self._expected.document):
            raise _another()


def _document(source: BinaryIO, task: Task, expected: TaskInput, mine: Secrets) -> bytes:
    if expected.size > encrypted_size(MAX_BYTES):
        raise DataError("a document is too large", code="data.large")
    incoming = _Incoming(source, expected)
    plain = decrypt(incoming.read, mine.document, job=task.job, role=expected.role, commitment=expected.commitment)
    content = b"".join(plain)
    incoming.check()
    return content


def _another() -> InputError:
    return InputError("another document than the task names", code="enclave.document")


def _say(sink: BinaryIO, kind: FrameKind, body: bytes = b"") -> None:
    sink.write(encode(kind, body))
    sink.flush()
