"""An auditor's finding under its signature, whatever it is about."""

from __future__ import annotations

from typing import Any

from placet.core.certificates import GarblingFinding
from placet.core.sample import SampleFinding
from placet.core.stakes import Fault, finding_hash, garbling_finding_hash, upholding_hash
from placet.core.values import Signature, Value


def finding_struct(finding: SampleFinding | GarblingFinding, upholds: bool) -> bytes:
    """EIP-712 struct hash that the auditor signs: of a finding, or, where the party has answered, of its upholding."""
    if upholds:
        return upholding_hash(finding.stake, finding.hash())
    if isinstance(finding, GarblingFinding):
        return garbling_finding_hash(finding.stake, finding.certificate.committed.message.hash, finding.hash())
    return finding_hash(finding.stake, finding.fault or Fault.NONE, finding.hash())


class SignedFinding(Value):
    """A finding under the auditor's signature (`finding_struct`), which anybody may send to the contract."""

    finding: SampleFinding | GarblingFinding
    upholds: bool = False
    signature: Signature

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")
