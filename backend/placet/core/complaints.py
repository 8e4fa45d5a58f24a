"""What a party complains of that was given something wrong, a sum or a garbling, and why it then took no result."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from placet.core.errors import PlacetError, StateError
from placet.core.garbling import GarblingComplaint
from placet.core.plan import MAX_PARTIES
from placet.core.values import Value
from placet.core.verified_sums import MAX_SHOWN, SumComplaint

AUDIT_SHOWS = "the audit shows by whose signature"
Complaint = Annotated[SumComplaint | GarblingComplaint, Field(discriminator="about")]


class RefusedResult(Value):
    """Why a party took no result out of a job, and what it has to complain of."""

    message: str
    found: str
    code: str
    complaints: Annotated[tuple[Complaint, ...], Field(max_length=MAX_PARTIES)] = ()

    @classmethod
    def of(cls, error: PlacetError, complaints: Iterable[Complaint]) -> RefusedResult:
        """With as many complaints as may be shown."""
        left, shown = MAX_SHOWN, []
        for one in complaints:
            if len(one.payload) <= left:
                shown.append(one)
                left -= len(one.payload)
        return cls(message=error.message, found=error.found or "", code=error.code, complaints=tuple(shown))

    def error(self) -> StateError:
        """For who asks for the result."""
        return StateError(self.message, found=self.found, remedy=AUDIT_SHOWS, code=self.code)
