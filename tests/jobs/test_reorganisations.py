"""The chain takes back more blocks than what counts by, under a running job: all parties agree in the end, each intent
takes effect once, and the audit is intact. Blocks give way to as many empty ones (`anvil_reorg`)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from follow import TIMES, ended_everywhere, paused, reached, settled_once, until
from live import PROVIDERS, LiveConsortium, live
from placet.chain.events import BatchAnchored, JobOpened
from placet.chain.states import JobStatus
from placet.core.values import from_hex
from placet.sandbox.consortium import wait
from placet.sandbox.founding import Charter

pytestmark = pytest.mark.slow


def opened(group: LiveConsortium, job: str) -> int:
    """The block of its opening, once there is one."""
    found: list[JobOpened] = []

    def there() -> bool:
        found[:] = group.chain.events([JobOpened], group.deployment.block, job=from_hex(job))
        return bool(found)

    until(there)
    return found[0].block


def take_back(group: LiveConsortium, block: int) -> int:
    """That block and all after it; how many. Nobody sends anything meanwhile: Anvil loses the receipt of what it mines
    beside a reorganisation."""
    with contextlib.ExitStack() as still:
        for process in group.made.processes:
            still.enter_context(paused(group, process))
        depth = group.chain.head().number - block + 1
        group.made.chain.rpc("anvil_reorg", depth, [])
    return depth


def noted(status: str) -> Callable[[LiveConsortium, str], bool]:
    return lambda group, job: reached(group.made.members["north"].folder, job, status)


def sealed(group: LiveConsortium, job: str) -> bool:
    return group.chain.job(from_hex(job)).status not in (JobStatus.NONE, JobStatus.OPEN)


MOMENTS = {
    "computing": noted("computing"),
    "computed": noted("computed"),
    "sealed": sealed,
    "released": noted("released"),
}


def ended_as_one(group: LiveConsortium, job: str, before: dict[str, int]) -> None:
    """Completed with an intact audit and one opening spent, or ended otherwise by all alike with none or one spent."""
    how = ended_everywhere(group, job)
    spent = {key: group.openings(key) - before[key] for key in PROVIDERS}
    print(f"the job ended: {how}, openings spent: {spent}")
    if how == "completed":
        assert group.done(job).totals == group.expected(opening=before["north"])
        assert group.audited(job)["verdict"] == "intact"
        assert set(spent.values()) == {1}
    else:
        assert how in ("aborted", "expired") and set(spent.values()) <= {0, 1}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_job_whose_opening_is_taken_back_after_it_counted(consortium: LiveConsortium, moment: str) -> None:
    """One confirmation, and all that the job has on chain is gone at that moment."""
    before = {key: consortium.openings(key) for key in PROVIDERS}
    with settled_once(consortium) as jobs:
        jobs.append(consortium.made.begin(consortium.made.request(**TIMES)))
        first = opened(consortium, jobs[0])
        until(lambda: MOMENTS[moment](consortium, jobs[0]))
        depth = take_back(consortium, first)
        assert depth > consortium.deployment.confirmations, "what counted is taken back"
        ended_as_one(consortium, jobs[0], before)


def test_a_consent_whose_batch_is_taken_back_after_it_counted(consortium: LiveConsortium) -> None:
    """Its owner was told that it is given, and so it is again, without anybody's doing."""
    who = next(s for s in consortium.silent if s in consortium.balances["fund"] and not consortium.of(s, "fund"))
    start = consortium.chain.head().number
    consortium.give("fund", who)
    offer = from_hex(consortium.made.offers["fund"])
    (batch,) = consortium.chain.events([BatchAnchored], start + 1, offer=offer)
    take_back(consortium, batch.block)
    wait(lambda: consortium.chain.batch(offer, batch.root) > 0, "the batch on chain again")
    consortium.made.wait_confirmed(consortium.chain)
    assert len(consortium.chain.events([BatchAnchored], start + 1, offer=offer)) == 1
    assert consortium.job().totals == consortium.expected()


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveConsortium]:
    """What counts goes by the tag `safe`: on Anvil the block 32 below the latest."""
    with live(tmp_path_factory.mktemp("tagged"), charter=Charter(("--confirmations", "safe"))) as group:
        assert group.deployment.finality == "safe"
        yield group


def test_blocks_above_the_tag_are_taken_back_and_nothing_is_lost(tagged: LiveConsortium) -> None:
    """Again and again while the job runs, the opening with its block first. Nobody had acted on what is gone."""
    before = {key: tagged.openings(key) for key in PROVIDERS}
    with settled_once(tagged) as jobs:
        jobs.append(tagged.made.begin(tagged.made.request(**TIMES | {"settle_seconds": 1_500})))
        assert take_back(tagged, opened(tagged, jobs[0])) < 32
        until(lambda: MOMENTS["computing"](tagged, jobs[0]))
        take_back(tagged, tagged.chain.head().number - 20)
        until(lambda: sealed(tagged, jobs[0]))
        take_back(tagged, tagged.chain.head().number - 5)
        ended_as_one(tagged, jobs[0], before)
        assert ended_everywhere(tagged, jobs[0]) == "completed"
