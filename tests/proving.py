"""Keys of the circuit `band` from a set-up by one person, this test run: 1 s of processor time, never shipped."""

from __future__ import annotations

import functools
import json
import secrets
import tempfile
import time
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from placet.core.eip712 import Domain
from placet.core.ids import JobId
from placet.core.signatures import Key
from placet.core.statements import BandStatement, OpenedTotal, ProvenStatement, SignedTotal, Total, VerificationKey
from placet.core.values import ZERO20, ZERO32

CIRCUITS = Path(str(resources.files("placet.protocols.zk"))) / "circuits"


def compiled(circuit: Path) -> tuple[Any, Any]:
    """A circuit's keys as groth16py has them."""
    groth16py = pytest.importorskip("groth16py", reason="no groth16py here: pip install 'placet[zk]'")
    keys: tuple[Any, Any] = groth16py.setup_circom(str(circuit), [groth16py.circomlib_path(2), str(circuit.parent)])
    return keys


@dataclass(frozen=True)
class BandKeys:
    """`snarkjs`: the verification key as snarkjs has it; `folder`: what commands take as `--keys`."""

    proving: Any
    snarkjs: dict[str, Any]
    folder: Path

    def verification(self, ceremony: bytes = ZERO32) -> VerificationKey:
        from placet.protocols.zk.circuit import BAND
        from placet.protocols.zk.groth16 import from_snarkjs

        return VerificationKey(circuit=BAND.id, ceremony=ceremony, key=from_snarkjs(self.snarkjs))


@functools.cache
def band_keys() -> BandKeys:
    """Once a process."""
    proving, verification = compiled(CIRCUITS / "band.circom")
    from placet.protocols.zk.groth16 import ProvingKey

    folder = Path(tempfile.mkdtemp(prefix="placet-band-"))
    proving.save(str(folder / "proving.key"))
    keys = BandKeys(ProvingKey(folder / "proving.key"), json.loads(verification.to_json()), folder)
    (folder / "verification.json").write_text(json.dumps(keys.verification().to_json()))
    return keys


def opened_total(
    domain: Domain, issuer: Key, value: int, *, person: bytes = bytes(range(1, 21)), job: bytes | None = None
) -> OpenedTotal:
    """A total as an institution hands it to a person."""
    from placet.protocols.zk.band import commitment, new_salt

    now, salt, of = int(time.time()), new_salt(), JobId(job or secrets.token_bytes(32))
    total = Total(
        job=of,
        person=person,
        commitment=commitment(value, salt, of),
        decimals=2,
        issued_at=now - 10,
        not_after=now + 86_400,
        purpose="a lease",
    )
    signed = SignedTotal(total=total, issuer=issuer.address, signature=issuer.sign(total.digest(domain)))
    return OpenedTotal(chain_id=domain.chain_id, statements=domain.contract, signed=signed, value=value, salt=salt)


def statement_of(
    opened: OpenedTotal, key: VerificationKey, low: int, high: int, *, prover: bytes, relying_party: bytes = ZERO20
) -> BandStatement:
    """That the total is in [low, high), for an hour."""
    total = opened.signed.total
    return BandStatement(
        key=key.id,
        job=total.job,
        prover=prover,
        relying_party=relying_party,
        until=int(time.time()) + 3600,
        commitment=total.commitment,
        low=low,
        high=high,
    )


def proven(opened: OpenedTotal, statement: BandStatement, domain: Domain, key: VerificationKey) -> ProvenStatement:
    """The statement with its proof."""
    from placet.protocols.zk.band import prove

    return prove(opened, statement, domain, band_keys().proving, key)
