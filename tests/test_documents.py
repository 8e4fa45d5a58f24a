"""The commands of README and operations.md, block by block, as `sh -eu` runs them: a new institution in a folder of its
own on the live town's chain; jobs and audits in the town itself. What can't be run is listed, each with its reason."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from live import Town
from placet.chain.local import free_port
from placet.sandbox.founding import write_table
from quick_placet import quick_placet

ROOT = Path(__file__).resolve().parents[1]
TEXTS = {name: (ROOT / name).read_text() for name in ("README.md", "docs/operations.md")}
BLOCKS = [
    block for text in TEXTS.values() for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
]

LISTED = {
    "scripts/bench job --json": "takes minutes: tests/scripts/test_bench_job.py measures a job",
    "python3 -m venv .venv": "installs a package from an index; scripts/setup does the same in a checkout",
    "scripts/contract-compare old.md": "run by tests/scripts/test_contract_compare.py, from this very block",
    "placet compare join": "run by tests/scripts/test_contract_compare.py, from this very block",
    "placet chain install": "run by tests/chain/test_install.py and tests/sandbox/test_up_and_down.py",
    "mkdir result": "run by tests/scripts/test_asset_view.py, from this very block",
    "placet batch make": "needs a file of consents that were signed elsewhere: tests/vault/test_batches.py",
    "placet batch import": "the same",
    "placet batch anchor": "the same",
    "sudo useradd": "makes users of the system",
    "export PLACET_NODE_DATABASE_URL": "needs a PostgreSQL: tests marked slow bring one",
}
RUN = [
    "placet chain up",
    "placet key new deployer.json",
    "placet deploy --url http://127.0.0.1:8545",
    "placet init bank",
    "placet chain fund",
    "placet identity init registry",
    "placet trust add",
    "placet vault import --config bank-vault",
    "placet vault import --config lender-vault",
    "placet vault --config",
    "placet offer make",
    "placet grant",
    "placet owner init",
    "placet revoke",
    "placet enclave accept",
    "placet erase",
    "cp -a backup/bank",
    "placet job start",
    "printf 'Authorization",
    "placet key new auditor.key",
    "placet audit 0x…job --url https://rpc.example.org --deployment deployment.json --trust trust.json \\",
    "placet audit 0x…job --url https://rpc.example.org --deployment deployment.json --trust trust.json --key",
]
"""By how they start, in an order in which each finds what it needs."""
IN_TOWN = {*RUN[-5:]}
EMPTY = {"placet chain up", "placet key new deployer.json", "placet deploy --url http://127.0.0.1:8545"}


def block(start: str) -> str:
    [found] = [text for text in BLOCKS if text.startswith(start)]
    return found


def test_every_block_is_run_or_listed() -> None:
    """Each name stands for one block, and no block is left over."""
    assert sorted(block(start) for start in (*RUN, *LISTED)) == sorted(BLOCKS)
    assert all(LISTED.values())


@dataclass
class Story:
    """`home` is the new institution's folder; `names` stand for the document's placeholders."""

    town: Town
    home: Path
    quick: Path
    names: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def sh(self, script: str, folder: Path, **env: str) -> str:
        """What a script says on stdout. Servers run on in the background, once they answer.

        What stands for itself alone runs the installed `placet`, all other blocks the one of `quick_placet`.
        """
        programs = Path(sys.executable).parent
        path = f"{programs}:{os.environ['PATH']}"
        if folder.name not in map(_empty, EMPTY):
            path = f"{self.quick}:{path}"
        lines = [self._server(line) for line in script.splitlines()]
        done = subprocess.run(
            ["sh", "-eu"],  # noqa: S607
            input="\n".join(lines),
            cwd=folder,
            env=self.town.made._env() | {"PATH": path} | env,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _server(self, line: str) -> str:
        found = re.fullmatch(r"(placet (vault|node|identity) --config (\S+)/\w+\.toml)(?: &)?", line)
        if found is None:
            return line
        health = f"curl -sf http://127.0.0.1:{self.ports.get(found[2])}/healthz"
        ready = f"[ -S {found[3]}/vault.sock ]" if found[2] == "vault" else health
        return f"""{found[1]} >>log 2>&1 </dev/null & echo $! >>pids
            n=0; until {ready} >/dev/null; do n=$((n+1)); [ $n -lt 600 ]; sleep 0.2; done"""

    def stop(self) -> None:
        """End the servers that blocks have started, by their ids."""
        pids = self.home / "pids"
        for pid in map(int, pids.read_text().split() if pids.exists() else ()):
            if psutil.pid_exists(pid):
                process = psutil.Process(pid)
                process.send_signal(signal.SIGTERM)
                process.wait(30)
        pids.unlink(missing_ok=True)

    def filled(self, text: str) -> str:
        """A block with something for each of its placeholders."""
        for name, value in self.names.items():
            text = text.replace(name, value)
        text = re.sub(r"/etc/placet/[\w-]+\.pass", str(self.home / "passphrase"), text)
        assert "…" not in text and "example." not in text, text
        return text

    def entry(self, name: str) -> str:
        return str(json.loads((self.home / name / "entry.json").read_text())["address"])


@pytest.fixture(scope="module")
def story(town: Town) -> Iterator[Story]:
    home = Path(tempfile.mkdtemp(prefix="doc-", dir="/tmp"))  # vaults listen on sockets below it
    for name in ("deployment.json", "passphrase"):
        shutil.copy(town.made.folder / name, home / name)
    (home / "passphrase").chmod(0o600)
    write_table(home / "accounts.csv", ("customer", "balance", "branch_code"), [("C0001", 100, "A"), ("C0002", 7, "B")])
    write_table(home / "customers.csv", ("customer", "branch_code"), [("C0001", "A"), ("C0009", "B")])
    (home / "persons.txt").write_text("C0002\nC0003\n")
    (home / "auditor.json").write_text(json.dumps({"address": town.made.auditor, "name": "Auditor"}))
    (town.made.folder / "job.json").write_text(json.dumps(town.made.request()))
    url = town.made.chain.url
    ends = contextlib.ExitStack()
    made = Story(town, home, ends.enter_context(quick_placet(home)))
    made.names = {
        "https://rpc.example.org": url,
        "https://other.example.net": url,
        "http://127.0.0.1:8545": url,
    }
    made.ports = {"node": free_port(), "peer": free_port(), "identity": free_port()}
    try:
        yield made
    finally:
        made.stop()
        ends.close()
        shutil.rmtree(home)
        for name in ("job.json", "job.html", "job.bundle", "lender-evidence.json", "auditor.key", "auth.header"):
            (town.made.folder / name).unlink(missing_ok=True)


def _empty(start: str) -> str:
    """The name of the empty folder that a block has for itself."""
    return start.replace(" ", "-").replace("/", "")


def _ports(api: int, peer: int) -> dict[str, str]:
    return {"--api-port 8601": f"--api-port {api}", "--peer-port 8602": f"--peer-port {peer}"}


def before(start: str, story: Story) -> dict[str, str]:
    """What the text around a block takes for granted; what is put in the place of its words."""
    home, names = story.home, story.names
    if start == "placet chain up":
        return {"8545": str(free_port())}
    if start == "placet key new deployer.json":  # its account gets a balance, as the text says of all accounts that pay
        fund = f"placet chain fund --url {names['http://127.0.0.1:8545']} $(placet key show deployer.json)\n"
        return {"placet deploy": fund + "placet deploy"}
    if start == "placet init bank":
        return {"bank.example.org": "127.0.0.1", **_ports(story.ports["node"], story.ports["peer"])}
    if start == "placet chain fund":
        keys = [story.sh(f"placet key show bank/keys/{key}.json", home).strip() for key in ("signer", "recorder")]
        return {"0x…signer": keys[0], "0x…recorder": keys[1]}
    if start == "placet identity init registry":
        return {
            '--name "Civil registry"': f'--name "Civil registry" --port {story.ports["identity"]}',
            "--subject C0001": "--subject C0001 > code",
        }
    if start == "placet trust add":
        lender = block("placet init bank").splitlines()[0:4]
        words = "\n".join(lender).replace("init bank", "init lender").replace("Bank A", "Lender")
        for old, new in _ports(free_port(), free_port()).items():
            words = words.replace(old, new)
        story.sh(story.filled(words.replace("bank.example.org", "127.0.0.1")), home)
    if start == "placet vault --config":  # of its own data too, for what is said on own consents
        own = block("placet vault import --config lender-vault").replace("lender", "bank")
        story.sh(own, home)
    if start == "placet offer make":
        return {"0x…lender": story.entry("lender"), "0x…bank": story.entry("bank")}
    if start == "placet grant":
        words = (
            block("placet offer make")
            .split("placet offer list")[0]
            .replace("--dataset accounts", "--dataset customers")
        )
        words = words.replace("--columns customer,balance", "--columns customer,branch --own")
        words = words.replace("0x…lender", story.entry("lender")).replace("0x…bank", story.entry("bank"))
        return {"0x…offer": story.sh(words, home).strip()}
    if start == "placet owner init":
        listed = json.loads(story.sh("placet offer list --config bank/node.toml --json", home))
        names["0x…offer"] = next(str(one["id"]) for one in listed if one["scope"]["personal"])
        names["https://bank.example.org"] = f"http://127.0.0.1:{story.ports['node']}"
        return {
            "placet owner grant": "consent=$(placet owner grant",
            "--uses 3": "--uses 3 --subject C0001 --code-file code --yes)",
            "0x…consent": "$consent",
        }
    if start == "placet enclave accept":
        names["0x…measurement"] = "0x" + secrets.token_hex(32)
    if start == "placet revoke":
        [words] = [line for line in block("placet owner init").splitlines() if line.startswith("placet owner grant")]
        words = story.filled(words + " --subject C0001 --code-file code --yes")
        names["0x…consent"] = story.sh(words, home, PLACET_PASSPHRASE_FILE=str(home / "passphrase")).strip()
    if start == "cp -a backup/bank":
        story.stop()
        (home / "backup").mkdir()
        for name in ("bank", "bank-vault"):
            (home / name).rename(home / "backup" / name)
    if start == "placet job start":  # afterwards it is too late to cancel, as the text says
        return {
            "lender/": "consumer/",
            "placet job start": "job=$(placet job start",
            "--watch\n": "--watch)\n",
            "placet job cancel": "! placet job cancel",
            "0x…job": "$job",
        }
    if start in IN_TOWN:
        town, job = story.town, str(story.town.consumer.get("/v1/jobs")["jobs"][-1]["id"])
        handed = town.made.folder / "lender-evidence.json"
        handed.write_text(json.dumps(town.consumer.get(f"/v1/jobs/{job}/trail")))
        return {
            "0x…job": job,
            "0x…bank": town.made.members["north"].address,
            "0x…lender": town.consumer.address,
            "lender/": "consumer/",
            "https://lender.example.org": town.consumer.api,
            "https://mirror.example.org/bank": town.made.members["north"].api,
            "--key auditor.key": "--key auditor.json",
        }
    return {}


@pytest.mark.parametrize("start", RUN)
def test_a_block_of_the_documents_runs(story: Story, start: str) -> None:
    text = block(start)
    for words, others in before(start, story).items():
        assert words in text or start in IN_TOWN, f"no {words} in\n{text}"
        text = text.replace(words, others)
    folder = story.home
    if start in IN_TOWN:
        folder = story.town.made.folder
    elif start in EMPTY:
        folder = story.home / _empty(start)
        folder.mkdir()
    env = {} if start in IN_TOWN else {"PLACET_PASSPHRASE_FILE": str(story.home / "passphrase")}
    said = story.sh(story.filled(text), folder, **env)
    if start in SAYS:
        assert re.search(SAYS[start], said), said


SAYS = {
    "placet init bank": r'"name": "Bank A"(.|\n)*0x[0-9a-f]{40}\n0x[0-9a-f]{40}\n',
    "placet trust add": r"Bank A(.|\n)*Civil registry",
    "placet offer make": r"Current accounts",
    "placet owner init": r"with",
    "placet job start": r'"ended": "completed"',
    "printf 'Authorization": r'"total"',
    **dict.fromkeys(RUN[-3:], r"INTACT"),
}
"""A pattern in what a block prints, where its commands print something."""
