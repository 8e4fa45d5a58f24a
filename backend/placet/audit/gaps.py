"""What is missing of an institution's jobs, or is not so: which number, job, block and party, and in words what."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from placet.audit.facts import Count
from placet.core.ids import JobId
from placet.core.values import Value


class GapKind(StrEnum):
    """`LIST`: the list contradicts the ledger or itself; all others are something that is not there."""

    LIST = "list"
    JOB = "job"
    PROOF = "proof"
    BUNDLE = "bundle"
    EVIDENCE = "evidence"
    OLDER = "older"
    VERDICT = "verdict"
    UNLISTED = "unlisted"
    FILE = "file"


class AuditGap(Value):
    """`until`: the last of several numbers; `parties`: by name, those whose evidence or steps are missing."""

    kind: GapKind
    number: Count | None = None
    until: Count | None = None
    job: JobId | None = None
    block: Count | None = None
    parties: tuple[str, ...] = ()
    words: Annotated[str, Field(max_length=2000)]
