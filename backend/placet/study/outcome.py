"""What a run of a study left behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from placet.models.contribution import Contribution


@dataclass(frozen=True)
class StudyOutcome:
    """`result` is the consumer's node's: rows and report. `audit` is the auditor's report as JSON, `html` the same as a
    page, `bundle` the evidence that it was made from; `trust` and `deployment` are the files that an audit needs
    besides. `gas` is what the chain used for each part, `rewards` are agreed, by key; `contribution`
    is what the job recorded of what each party added; seconds are by part of the run.
    """

    job: str
    addresses: Mapping[str, str]
    result: Mapping[str, Any]
    audit: Mapping[str, Any]
    html: bytes
    bundle: bytes
    trust: bytes
    deployment: bytes
    engine: str
    gas: Mapping[str, int]
    consents: int
    rewards: Mapping[str, int]
    pot: int
    contribution: Contribution | None
    seconds: Mapping[str, float]
    processor_seconds: Mapping[str, float]

    @property
    def verdict(self) -> str:
        """The auditor's word."""
        return str(self.audit["verdict"])

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The result's rows; none where it has none."""
        return list(self.result.get("rows") or [])

    @property
    def report(self) -> dict[str, Any]:
        """What the result says besides its rows."""
        return dict(self.result.get("report") or {})
