"""Keys of an institution are lost or stolen in the midst of its life: what goes on, and what ends."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from test_whole_job import Followed, follow

from live import Done, LiveConsortium, live
from placet.chain.accounts import roll_signer
from placet.core.errors import Reverted
from placet.core.signatures import Key
from placet.core.values import from_hex
from placet.sandbox.founding import Charter


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
    assert consortium.ask("consumer", f"/v1/jobs/{second}/result").status_code == 409
    lost = consortium.ask("consumer", f"/v1/jobs/{first}/result")
    assert lost.status_code == 409 and "under another key" in lost.text
    told = follow(consortium, "consumer", second, Followed()).events
    assert [moment["code"] for _, name, moment in told if name == "abort-reason"] == ["hpke.lost"]
    assert consortium.audited(second)["verdict"] == "intact"

    third = consortium.job()
    assert third.ended == "completed" and third.totals
    shown = consortium.audited(third.job)
    assert shown["verdict"] == "intact"
    trail = consortium.ask("consumer", f"/v1/jobs/{third.job}/trail").text
    assert public in trail


@pytest.mark.slow
def test_a_stolen_signer_is_replaced_in_the_midst_of_a_job(tmp_path: Path) -> None:
    """Of a provider and of the consumer: the job that is open goes on to its end, the next one is under the new key and
    the same consents, trails of before stand as they stood, and the thief's signature opens nothing."""
    with live(tmp_path, charter=Charter(accounts=("north", "consumer"))) as consortium:
        made = consortium.made
        before = consortium.job()
        assert before.ended == "completed" and consortium.audited(before.job)["verdict"] == "intact"
        second = made.begin(made.request())
        expected = consortium.expected(deadline=consortium.ask("consumer", f"/v1/jobs/{second}").json()["deadline"])
        opened(consortium, second)
        stolen = {key: rolled(consortium, key) for key in ("north", "consumer")}
        assert consortium.done(second) == Done(second, "completed", expected)
        third = consortium.job()
        assert third.ended == "completed" and third.totals == consortium.expected() != {}
        for job in (before.job, second, third.job):
            report = consortium.audited(job)
            assert report["verdict"] == "intact", report
        for key, thief in stolen.items():
            account, digest = from_hex(made.members[key].address), bytes(range(32))
            fresh = consortium.key(key, "signer")
            assert not consortium.chain.verifiers.accepts(account, digest, thief.sign(digest))
            assert consortium.chain.verifiers.accepts(account, digest, fresh.sign(digest))
            with pytest.raises(Reverted, match="NotRecovery"):
                roll_signer(made.chain.url, thief, account, thief.address)


def rolled(consortium: LiveConsortium, key: str) -> Key:
    """Another signer for an institution whose node is killed, and starts again with it; the key before."""
    made = consortium.made
    file = made.folder / key / "keys" / "signer.json"
    old = consortium.key(key, "signer")
    made.kill(f"{key}-node")
    file.rename(file.with_name("signer.stolen"))
    fresh = made.run("key", "new", f"{key}/keys/signer.json").strip()
    made.run("chain", "fund", "--url", made.chain.url, fresh)
    account = made.members[key].address
    made.run("account", "roll", account, "--signer", fresh, "--url", made.chain.url, "--key", "recovery.json")
    shown = made.run("account", "show", account, "--url", made.chain.url, "--deployment", "deployment.json")
    assert f"signer {fresh.lower()}" in shown
    consortium._keys.pop(file, None)
    made.start_node(key)
    made.wait_healthy(key)
    return old
