"""What the consumer's node does where the contract refuses an opening."""

from __future__ import annotations

from typing import Any

import pytest

from placet.core.errors import Reverted
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
