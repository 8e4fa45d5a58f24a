"""What the consumer's node does where the contract refuses an opening, or a party the seal."""

from __future__ import annotations

from typing import Any

import pytest

from placet.chain.states import JobState, JobStatus
from placet.core.errors import PlacetError, PlanError, ProtocolError, Reverted, StateError
from placet.jobs.coordinator import Coordinator


class Refused(Coordinator):
    """Its openings are refused by the name of an error; `cancelled` has the jobs that it took back."""

    def __init__(self, name: str) -> None:
        self.cancelled: list[Any] = []
        self.statuses: list[str] = []
        self._opening = self  # type: ignore[assignment]
        self.refusal = Reverted(name)

    async def say(self, record: Any, status: str, **details: object) -> None:
        self.statuses.append(status)

    async def send(self, record: Any) -> None:
        raise self.refusal

    async def cancel(self, record: Any) -> None:
        self.cancelled.append(record)


@pytest.mark.parametrize("name", ["ERC20InsufficientAllowance", "TooLateToOpen"])
async def test_what_may_yet_open_or_expires_by_itself_is_not_cancelled(name: str) -> None:
    """A cancellation that races with the expiry would end the job in two ways at its parties."""
    coordinator, job = Refused(name), object()
    with pytest.raises(Reverted):
        await coordinator.open(job)  # type: ignore[arg-type]
    assert (coordinator.cancelled, coordinator.statuses) == ([], ["opening"])


async def test_what_the_contract_refuses_for_good_is_cancelled() -> None:
    coordinator, job = Refused("EpochMovedOn"), object()
    await coordinator.open(job)  # type: ignore[arg-type]
    assert (coordinator.cancelled, coordinator.statuses) == ([job], ["opening", "refused"])


class Unsealed(Coordinator):
    """Its own metrics, or another party, say no."""

    def __init__(self, own: PlacetError | None, others: PlacetError | None) -> None:
        self.attempts = self  # type: ignore[assignment]
        self.own, self.others = own, others
        self.aborted: list[str] = []

    async def epochs(self, record: Any) -> tuple[bytes, ...]:
        return ()

    async def payouts(self, record: Any, attempt: int) -> tuple[int, ...]:
        if self.own is not None:
            raise self.own
        return (1,)

    async def _signatures(self, record: Any, what: str, question: Any, content: Any) -> tuple[bytes, ...]:
        assert content.payouts == (1,)
        assert self.others is not None
        raise self.others

    async def abort(self, record: Any, why: str) -> None:
        self.aborted.append(why)


class Job:
    job = bytes(32)


STATE = JobState(JobStatus.OPEN, True, 1, 0, 1, 0, 0, 0, 0)


@pytest.mark.parametrize("code", ["contribution.record", "contribution.table"])
async def test_metrics_that_divide_no_pot_end_the_job(code: str) -> None:
    coordinator = Unsealed(ProtocolError("no", code=code), None)
    await coordinator._seal(Job(), STATE, [], [])  # type: ignore[arg-type]
    assert coordinator.aborted == [code]


async def test_a_party_that_divides_the_pot_otherwise_ends_the_job() -> None:
    coordinator = Unsealed(None, PlanError("otherwise", code="plan.payouts"))
    await coordinator._seal(Job(), STATE, [], [])  # type: ignore[arg-type]
    assert coordinator.aborted == ["plan.payouts"]


async def test_a_party_that_is_not_there_yet_ends_nothing() -> None:
    coordinator = Unsealed(None, StateError("later", code="peer.early"))
    with pytest.raises(StateError):
        await coordinator._seal(Job(), STATE, [], [])  # type: ignore[arg-type]
    assert coordinator.aborted == []
