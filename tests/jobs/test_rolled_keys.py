"""Keys of an institution are lost or stolen in the midst of its life: what goes on, and what ends."""

from __future__ import annotations

import time

import pytest

from live import Done, LiveConsortium
from placet.core.values import from_hex, to_hex


def restarted(consortium: LiveConsortium, key: str, *words: str) -> str:
    """A new HPKE key for a node that is killed, and starts again; what the command printed."""
    made = consortium.made
    made.kill(f"{key}-node")
    printed = made.run("key", "roll-hpke", "--config", f"{key}/node.toml", *words)
    made.start_node(key)
    made.wait_healthy(key)
    return str(printed).strip()


def opened(consortium: LiveConsortium, job: str) -> None:
    """Wait until the job is open on chain."""
    until = time.monotonic() + 120
    while consortium.chain.job(from_hex(job)).status.name == "NONE":  # type: ignore[arg-type]
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.slow
def test_a_hpke_key_is_replaced_and_another_one_is_lost(consortium: LiveConsortium) -> None:
    """A stolen key still opens what was sealed to it, a lost one opens nothing: its open job aborts by its code, is
    judged as any, and the next job is under the new key."""
    made = consortium.made
    first = made.begin(made.request())
    deadline = consortium.ask("consumer", f"/v1/jobs/{first}").json()["deadline"]
    expected = consortium.expected(deadline=deadline)
    opened(consortium, first)
    restarted(consortium, "consumer")
    assert consortium.done(first) == Done(first, "completed", expected)

    second = made.begin(made.request())
    opened(consortium, second)
    public = restarted(consortium, "consumer", "--lost")
    assert consortium.done(second).ended == "aborted"
    told = consortium.ask("consumer", f"/v1/jobs/{second}/result")
    assert told.status_code == 409
    lost = consortium.ask("consumer", f"/v1/jobs/{first}/result")
    assert lost.status_code == 409 and "under another key" in lost.text
    report = consortium.audited(second)
    assert report["verdict"] == "intact" and "hpke.lost" in str(report)

    third = consortium.job()
    assert third.ended == "completed" and third.totals
    shown = consortium.audited(third.job)
    assert shown["verdict"] == "intact"
    trail = consortium.ask("consumer", f"/v1/jobs/{third.job}/trail").text
    assert public in trail and to_hex(from_hex(public)) == public
