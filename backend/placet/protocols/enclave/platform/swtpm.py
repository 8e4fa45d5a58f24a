"""A software TPM of the node's own, and the few commands that a quote takes.

swtpm gets one end of a socket pair: there is no port and no path by which anybody else could speak to it, and
it ends with us. Its state lies in a folder of the node's. The attestation key is a primary key: it follows from the
TPM's seed, so it is the same at every start, and never lies anywhere else.

Commands and structures: TCG TPM 2.0 Library, Parts 2 and 3, rev. 1.59.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from placet.core.errors import ConfigError, StateError
from placet.protocols.enclave.evidence.model import TpmStatement
from placet.protocols.enclave.evidence.reading import Reader
from placet.protocols.enclave.evidence.tpm import PCR, SHA256

KEY_FILE = "attestation-key.der"
"""The attestation key's SubjectPublicKeyInfo, of which a plan names the SHA-256."""
_CREATE_PRIMARY, _PCR_RESET, _PCR_EXTEND, _QUOTE = 0x131, 0x13D, 0x182, 0x158
_SESSIONS, _ENDORSEMENT, _PASSWORD = 0x8002, 0x4000000B, 0x40000009
_ECC, _ECDSA, _NULL, _P256 = 0x23, 0x18, 0x10, 3
_SIGNS_ATTESTATIONS = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 10 | 1 << 16 | 1 << 18
"""fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, sign."""
_RETRY, _TRIES = 0x922, 32
_MAX_ANSWER, _SECONDS = 4096, 30


def _u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _sized(data: bytes) -> bytes:
    return _u16(len(data)) + data


_AUTHORIZED = _u32(9) + _u32(_PASSWORD) + _u16(0) + b"\x00" + _u16(0)
"""One session: an empty password."""
_TEMPLATE = (
    _u16(_ECC) + _u16(SHA256) + _u32(_SIGNS_ATTESTATIONS) + _sized(b"")
    + _u16(_NULL) + _u16(_ECDSA) + _u16(SHA256) + _u16(_P256) + _u16(_NULL) + _sized(b"") + _sized(b"")
)  # fmt: skip
"""A TPMT_PUBLIC: a restricted signing key on P-256."""


class Swtpm:
    """Use as a context, or close it. Its methods may be called from several threads."""

    def __init__(self, folder: Path) -> None:
        """Makes the TPM and its key if the folder holds none. StateError if it holds another TPM than before."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._process, self._socket = _start(folder)
        try:
            self._handle, self.key = self._make_key()
            _same_key(folder / KEY_FILE, self.key)
        except BaseException:
            self.close()
            raise

    def quote(self, measurement: bytes, data: bytes) -> TpmStatement:
        """A quote of PCR 16, reset and extended once with the measurement, over `data`."""
        pcr = _u32(PCR) + _AUTHORIZED
        selection = _u32(1) + _u16(SHA256) + b"\x03" + (1 << PCR).to_bytes(3, "little")
        with self._lock:
            self._do(_PCR_RESET, pcr)
            self._do(_PCR_EXTEND, pcr + _u32(1) + _u16(SHA256) + measurement)
            answer = self._do(_QUOTE, _u32(self._handle) + _AUTHORIZED + _sized(data) + _u16(_NULL) + selection)
        reader = Reader(answer, "big", "the TPM's answer")
        parameters = Reader(reader.sized(4, _MAX_ANSWER), "big", "the TPM's quote")
        attest = parameters.sized(2, 2048)
        return TpmStatement(
            kind="tpm", attest=attest, signature=parameters.rest(), key=self.key, measurement=measurement
        )

    def close(self) -> None:
        """Ends swtpm."""
        self._socket.close()
        try:
            self._process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Swtpm:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make_key(self) -> tuple[int, bytes]:
        sensitive = _sized(_sized(b"") + _sized(b""))
        body = _u32(_ENDORSEMENT) + _AUTHORIZED + sensitive + _sized(_TEMPLATE) + _sized(b"") + _u32(0)
        answer = Reader(self._do(_CREATE_PRIMARY, body), "big", "the TPM's answer")
        handle = answer.number(4)
        parameters = Reader(answer.sized(4, _MAX_ANSWER), "big", "the TPM's key")
        public = Reader(parameters.sized(2, 512), "big", "the TPM's public key")
        public.must(public.take(len(_TEMPLATE) - 4), _TEMPLATE[:-4], "its kind")
        x, y = public.sized(2, 32), public.sized(2, 32)
        public.end()
        numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
        return handle, numbers.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def _do(self, command: int, body: bytes) -> bytes:
        """The answer behind its header; StateError unless the TPM did it."""
        for _ in range(_TRIES):
            code, answer = self._exchange(_u16(_SESSIONS) + _u32(10 + len(body)) + _u32(command) + body)
            if code != _RETRY:
                break
        if code:
            raise StateError("the TPM refused a command", found=f"{command:#x}: {code:#x}", code="enclave.tpm")
        return answer

    def _exchange(self, message: bytes) -> tuple[int, bytes]:
        try:
            self._socket.sendall(message)
            header = self._socket.recv(10, socket.MSG_WAITALL)
            size = int.from_bytes(header[2:6], "big")
            if len(header) == 10 and 10 <= size <= _MAX_ANSWER:
                answer = self._socket.recv(size - 10, socket.MSG_WAITALL) if size > 10 else b""
                if len(answer) == size - 10:
                    return int.from_bytes(header[6:], "big"), answer
        except OSError:
            pass
        raise StateError("the TPM went away", remedy="start the node again", code="enclave.tpm")


def _start(folder: Path) -> tuple[subprocess.Popen[bytes], socket.socket]:
    program = shutil.which("swtpm")
    if program is None:
        raise ConfigError("swtpm is not installed", remedy="apt-get install swtpm", code="enclave.tpm")
    ours, theirs = socket.socketpair()
    ours.settimeout(_SECONDS)
    with theirs:
        command = [program, "socket", "--tpm2", "--tpmstate", f"dir={folder.absolute()},mode=0600"]
        process = subprocess.Popen(
            [*command, "--fd", str(theirs.fileno()), "--flags", "not-need-init,startup-clear"],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath},
        )
    return process, ours


def _same_key(file: Path, key: bytes) -> None:
    """What plans name must stay what it was."""
    with contextlib.suppress(FileNotFoundError):
        if file.read_bytes() != key:
            raise StateError(
                "the TPM in this folder is another one than before",
                remedy="restore the folder, or remove it and agree on plans that name the new key",
                code="enclave.tpm",
            )
        return
    fresh = file.with_suffix(".new")
    fresh.write_bytes(key)
    fresh.replace(file)
