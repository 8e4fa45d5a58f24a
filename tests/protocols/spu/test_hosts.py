"""Three parties on hosts of their own: network namespaces joined by a bridge, with and without a slowed link."""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from placet.core.errors import ConfigError
from placet.protocols.mpc.programs import Levels, Size
from placet.protocols.spu import evaluate, extra

pytestmark = pytest.mark.slow
PARTIES = 3
PORT = 21_000
IP, TC = shutil.which("ip") or "", shutil.which("tc") or ""
PARTY = Path(__file__).with_name("party_on_a_host.py")


def ip(*words: str) -> None:
    done = subprocess.run([IP, *words], capture_output=True, text=True, timeout=60)
    if done.returncode:
        pytest.skip(f"this machine makes no network namespaces: ip {' '.join(words)}: {done.stderr.strip()}")


@pytest.fixture
def hosts() -> Iterator[list[str]]:
    """Names of namespaces, with the addresses 10.213.77.1 to 3 on one bridge."""
    try:
        extra.require()
    except ConfigError as missing:
        pytest.skip(str(missing))
    if not (IP and TC) or os.geteuid() != 0:
        pytest.skip("network namespaces need root and iproute2")
    mark = f"pl{os.getpid()}"
    names = [f"{mark}-{rank}" for rank in range(PARTIES)]
    try:
        ip("link", "add", mark, "type", "bridge")
        ip("link", "set", mark, "up")
        for rank, name in enumerate(names):
            outer, inner = f"{mark}o{rank}", f"{mark}i{rank}"
            ip("netns", "add", name)
            ip("link", "add", outer, "type", "veth", "peer", "name", inner)
            ip("link", "set", outer, "master", mark, "up")
            ip("link", "set", inner, "netns", name)
            ip("-n", name, "addr", "add", f"10.213.77.{rank + 1}/24", "dev", inner)
            ip("-n", name, "link", "set", inner, "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield names
    finally:
        for name in names:
            subprocess.run([IP, "netns", "del", name], capture_output=True, timeout=60)
        subprocess.run([IP, "link", "del", mark], capture_output=True, timeout=60)


def slow_down(names: list[str]) -> None:
    """20 ms each way and 100 Mbit/s."""
    for rank, name in enumerate(names):
        device = f"{name.rpartition('-')[0]}i{rank}"
        words = [TC, "-n", name, "qdisc", "add", "dev", device, "root", "netem", "delay", "20ms", "rate", "100mbit"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        if done.returncode:
            pytest.skip(f"this machine slows no link: {done.stderr.strip()}")


def certificate(folder: Path, rank: int) -> tuple[str, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"host {rank}")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{rank}.key"
    file.touch(0o600)
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), file


@pytest.mark.parametrize("slowed", [False, True], ids=["as it is", "slowed"])
def test_three_hosts_compute_levels(hosts: list[str], tmp_path: Path, slowed: bool) -> None:
    if slowed:
        slow_down(hosts)
    program = Levels.model_validate({"edges": ["0", "100", "10000"], "values": {"bound": "1000000"}})
    rng = np.random.default_rng(5)
    vectors = [rng.integers(-20_000, 20_000, 50) for _ in range(PARTIES)]
    made = [certificate(tmp_path, rank) for rank in range(PARTIES)]
    task = {
        "members": [
            {"name": f"party-{rank}", "host": f"10.213.77.{rank + 1}", "port": PORT, "certificate": pem}
            for rank, (pem, _) in enumerate(made)
        ],
        "keys": [str(key) for _, key in made],
        "program": program.to_json(),
        "vectors": [vector.tolist() for vector in vectors],
    }
    file = tmp_path / "task.json"
    file.write_text(json.dumps(task))
    parties = [
        subprocess.Popen(
            [IP, "netns", "exec", name, sys.executable, str(PARTY), str(file), str(rank)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, name in enumerate(hosts)
    ]
    shares = []
    for party in parties:
        out, err = party.communicate(timeout=400)
        assert party.returncode == 0, err
        shares.append(bytes.fromhex(out.strip()))
    size = Size(50)
    engine = evaluate.engine_of(program, PARTIES, PARTIES, size)
    found = asyncio.run(evaluate.combine(program, size, engine, shares, scratch=tmp_path, seconds=120))
    assert found.tolist() == program.reference([vector.astype(object) for vector in vectors]).tolist()
