"""Whole jobs on a network of four validators of which one is killed, or which is divided in two: nothing is lost,
nothing doubled; all parties and auditors at two of the nodes, agree in the end. What counts goes by the chain's
finality."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from judging import audited
from live import PROVIDERS, LiveConsortium, live
from placet.chain.events import JobCompleted, JobOpened, JobSealed, KeyReleased
from placet.core.values import from_hex
from placet.sandbox.consortium import REWARD
from placet.sandbox.founding import Charter
from validators import Validators, needs_clients, until

pytestmark = pytest.mark.slow
PATIENT = {"open_seconds": 3600, "deadline_seconds": 7200}
SECONDS = 1800.0
"""For a job, whatever happens to the chain meanwhile."""
SIDES, ELSEWHERE = ([1, 2], [3, 4]), ("south", "fund")
"""Two halves of the network, and who is at a node of the second one."""
BLOCKS = 8
"""Of each half alone: an epoch's slots, half of them with nobody who proposes."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Validators]:
    needs_clients()
    with Validators(tmp_path_factory.mktemp("validators")) as validators:
        validators.finalises(1)
        yield validators


@pytest.fixture(scope="module")
def group(network: Validators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveConsortium]:
    with live(tmp_path_factory.mktemp("consortium"), network, Charter(("--evm", "cancun"))) as made:
        assert made.deployment.finality == "finalized", "what the chain names is taken, unasked"
        yield made


def begun(group: LiveConsortium) -> tuple[str, dict[str, int]]:
    """A job that was proposed, with what it must tell."""
    deadline = int(time.time()) + PATIENT["open_seconds"] + PATIENT["deadline_seconds"]
    expected = group.expected(deadline=deadline)
    return group.made.begin(group.made.request(**PATIENT)), expected


def opened(group: LiveConsortium, job: str) -> int:
    """The block of its opening, once there is one."""
    found: list[JobOpened] = []

    def there() -> bool:
        found[:] = group.chain.events([JobOpened], group.deployment.block, job=from_hex(job))
        return bool(found)

    until(there, "the job is opened", SECONDS)
    return found[0].block


def ended_well(group: LiveConsortium, network: Validators, job: str, expected: dict[str, int]) -> None:
    """It told the truth; each thing happened once; all say the same of it, wherever they look."""
    done = group.done(job, SECONDS)
    assert (done.ended, done.totals) == ("completed", expected)
    events = group.chain.events([JobOpened, JobSealed, JobCompleted], group.deployment.block, job=from_hex(job))
    assert [type(event) for event in events] == [JobOpened, JobSealed, JobCompleted]
    keys = group.chain.events([KeyReleased], group.deployment.block, job=from_hex(job))
    assert sorted(key.party for key in keys) == sorted({key.party for key in keys}), "a key is released once"
    network.finalises(events[-1].block)
    for provider in PROVIDERS:
        until(lambda p=provider: state(group, p, job)["ended"] == "completed", f"{provider} knows", SECONDS)  # type: ignore[misc]
        [paid] = [one for one in group.ask(provider, "/v1/rewards").json()["jobs"] if one["job"] == job]
        assert (paid["credited"], paid["withheld"]) == (str(REWARD), [])
    assert group.audited(job)["verdict"] == "intact"
    network.finalises(events[-1].block, nodes=(4,))
    assert audited(group.made.folder, job, url=network.settings.url(4))["verdict"] == "intact"


def state(group: LiveConsortium, who: str, job: str) -> Any:
    return group.ask(who, f"/v1/jobs/{job}").json()


def test_a_job_ends_while_one_of_four_validators_is_killed(group: LiveConsortium, network: Validators) -> None:
    job, expected = begun(group)
    opened(group, job)
    network.kill(3)
    try:
        ended_well(group, network, job, expected)
    finally:
        network.start(3)
    until(lambda: network.latest(3) >= network.latest(1) - 1, "it has caught up")
    block = network.final()
    network.finalises(block, nodes=(3,))
    assert network.hash(3, block) == network.hash(1, block)


@contextlib.contextmanager
def at_node(group: LiveConsortium, network: Validators, node: int) -> Iterator[None]:
    """`ELSEWHERE`'s nodes and vaults see the chain by another validator's eyes within."""
    urls = (network.url, network.settings.url(node))
    for old, new in (urls, urls[::-1]):
        for who in ELSEWHERE:
            group.made.end(f"{who}-node", f"{who}-vault")
            for file in (group.made.folder / f"{who}/node.toml", group.made.folder / f"{who}-vault/vault.toml"):
                content = file.read_text()
                assert old in content
                file.write_text(content.replace(old, new))
            group.made.start_vault(who)
        for who in ELSEWHERE:
            group.made.wait_vault(who)
            group.made.start_node(who)
            group.made.wait_healthy(who)
        if new == urls[1]:
            yield


def test_a_job_ends_after_the_network_was_divided_under_it(group: LiveConsortium, network: Validators) -> None:
    """Two and two: neither half has two thirds of the stakes, each goes on with blocks of its own, and nothing becomes
    final. Two parties are at either half. The job waits; once the cables are back, one half's blocks are taken back and
    it ends as if nothing had been."""
    with at_node(group, network, 3):
        job, expected = begun(group)
        opened(group, job)
        began = time.monotonic()
        network.divide(*SIDES)
        try:
            before = [network.latest(node) for node in (1, 3)]
            until(
                lambda: all(network.latest(n) >= b + BLOCKS for n, b in zip((1, 3), before, strict=True)), "two forks"
            )
            fork = max(before) + 1
            assert network.hash(1, fork) != network.hash(3, fork)
            stood = network.final()
            assert network.latest() - stood > BLOCKS
            assert {state(group, who, job)["ended"] for who in (*PROVIDERS, "consumer")} == {None}
        finally:
            network.unite()
        print(f"divided for {time.monotonic() - began:.0f} s, final stood at {stood}")
        ended_well(group, network, job, expected)
        print(f"ended {time.monotonic() - began:.0f} s after the division")
    block = network.final()
    network.finalises(block, nodes=(2, 3, 4))
    assert len({network.hash(node, block) for node in (1, 2, 3, 4)}) == 1
