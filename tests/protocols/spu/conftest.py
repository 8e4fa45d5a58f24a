"""Certificates as institutions make them, and networks of them on loopback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from placet.chain.local import free_port
from placet.cli import certificates
from placet.protocols.spu import Member, Network

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Identity:
    """A node's certificate and its private key, both in PEM."""

    certificate: str
    key: bytes


def _identity(name: str) -> Identity:
    encrypted, certificate = certificates.make(name, [HOST], "passphrase")
    key = serialization.load_pem_private_key(encrypted, b"passphrase")
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Identity(certificate.decode(), plain)


@pytest.fixture(scope="session")
def identities() -> dict[str, Identity]:
    """Three banks, and a stranger with a certificate of the same kind."""
    return {name: _identity(name) for name in ("bank", "telecom", "tax", "stranger")}


@pytest.fixture
def networks(identities: dict[str, Identity]) -> Callable[..., list[Network]]:
    """Each party's view of a network of so many."""

    def make(count: int, context: bytes = b"job/0/step") -> list[Network]:
        names = list(identities)[:count]
        ports: set[int] = set()
        while len(ports) < count:
            ports.add(free_port())
        members = tuple(Member(n, HOST, p, identities[n].certificate) for n, p in zip(names, ports, strict=True))
        return [Network(members, rank, context, identities[name].key) for rank, name in enumerate(names)]

    return make


@pytest.fixture
def engine() -> None:
    if find_spec("spu") is None:
        pytest.skip("no SPU here: placet[spu] has wheels for Python 3.11 on Linux and macOS only")


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Where the folders of tasks are made; nothing may stay there."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder
