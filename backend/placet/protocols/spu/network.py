"""Who takes part, where each listens, and how each is recognised."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Collection
from dataclasses import dataclass, field

from placet.core.errors import InputError, LimitError
from placet.core.hashing import sha256

MAX_MEMBERS = 3


@dataclass(frozen=True)
class Member:
    """One party. `host` is an address of its machine, `certificate` its node's certificate in PEM."""

    name: str
    host: str
    port: int
    certificate: str


@dataclass(frozen=True)
class Network:
    """The parties in the plan's order, the same at each, and our own place among them.

    `key` is our certificate's private key (PEM, unencrypted). `context` names job, attempt and step: processes of
    another context do not link, and identifiers are hashed under it. InputError for anything but 2 or 3 distinct ones.
    """

    members: tuple[Member, ...]
    me: int
    context: bytes
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        names, places = {m.name for m in self.members}, {(m.host, m.port) for m in self.members}
        certificates = {_der(m) for m in self.members}
        count = len(self.members)
        if not 2 <= count <= MAX_MEMBERS:
            raise InputError("SPU links two or three parties", expected="2 or 3", found=count)
        if not len(names) == len(places) == len(certificates) == count:
            raise InputError("two parties are the same", expected="distinct names, addresses and certificates")
        if not 0 <= self.me < count:
            raise InputError("no such party", expected=f"0 to {count - 1}", found=self.me)

    @property
    def session(self) -> bytes:
        """32 bytes that name this context on the link and salt identifiers."""
        return sha256(b"placet.spu/1" + self.context)


def _der(member: Member) -> bytes:
    try:
        return ssl.PEM_cert_to_DER_cert(member.certificate.strip())
    except ValueError:
        raise InputError("not a certificate", expected="one certificate in PEM", found=member.name[:80]) from None


def free_port(host: str, first: int = 0, last: int = 0, *, but: Collection[int] = ()) -> int:
    """A port at `host` that nothing listens on now, none of `but`: in [first, last], or any if both are 0. LimitError
    where all are taken.

    It is free until somebody takes it: the engine that finds it taken ends with `spu.port`, and another is chosen.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(first, last + 1) if first else (0,) * (len(but) + 1):
        if port in but:
            continue
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            number = int(probe.getsockname()[1])
        if number not in but:
            return number
    raise LimitError("no port is free", expected=f"one in {first} to {last}", found="all taken", code="spu.port")
