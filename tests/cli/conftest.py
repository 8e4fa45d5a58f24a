"""A bank, a lender and an enroller as real processes on a real chain, made with the program itself."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from placet.chain.local import LocalChain
from placet.chain.local import free_port as a_free_port
from placet.sandbox import program
from placet.sandbox.forking import Forked, ForkRequest

NAMESPACE = "urn:example:person"
PASSPHRASE = "a passphrase of the tests"
PLACET = [sys.executable, "-m", "placet.cli"]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PLACET_")}
    return kept | {"NO_COLOR": "1"} | more


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def call(*words: object, cwd: Path | None = None, stdin: str = "", **env: str) -> Answer:
    """Run the program as a user would."""
    done = program.run(words, cwd, environment(**env), stdin, seconds=180)
    return Answer(done.returncode, done.stdout, done.stderr)


def succeed(*words: object, cwd: Path | None = None, **env: str) -> Answer:
    answer = call(*words, cwd=cwd, **env)
    assert answer.code == 0, answer.err
    return answer


def wait_for(ready: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def passphrase_file(folder: Path) -> Path:
    file = folder / "passphrase"
    file.touch(mode=0o600)
    file.write_text(PASSPHRASE + "\n")
    return file


@dataclass
class Institutions:
    """A bank and a lender as folders, the bank's node and vault and an enroller running."""

    folder: Path
    chain: LocalChain
    ports: dict[str, int]

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.ports['bank']}"

    @property
    def env(self) -> dict[str, str]:
        return {"PLACET_PASSPHRASE_FILE": str(self.folder / "passphrase")}

    def run(self, *words: object, **env: str) -> Answer:
        return succeed(*words, cwd=self.folder, **(self.env | env))

    def fails(self, *words: object, **env: str) -> Answer:
        answer = call(*words, cwd=self.folder, **(self.env | env))
        assert answer.code == 1, answer
        assert "Traceback" not in answer.err
        return answer

    def address(self, name: str) -> str:
        return str(json.loads((self.folder / name / "entry.json").read_text())["address"])


@pytest.fixture(scope="session")
def institutions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Institutions]:
    folder = tmp_path_factory.mktemp("institutions")
    passphrase_file(folder)
    with LocalChain(block_time=1) as chain:
        institutions = Institutions(
            folder, chain, {name: a_free_port() for name in ("bank", "bank-peer", "lender", "enroller")}
        )
        _make(institutions)
        processes = [
            _start(institutions, "vault", "--config", "bank-vault/vault.toml"),
            _start(institutions, "node", "--config", "bank/node.toml"),
            _start(institutions, "identity", "--config", "registry/identity.toml"),
        ]
        try:
            wait_for(lambda: answers(f"{institutions.api}/healthz"), "node")
            wait_for(lambda: answers(f"http://127.0.0.1:{institutions.ports['enroller']}/healthz"), "enroller")
            yield institutions
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                assert process.wait(60) in (0, -15), (folder / "log").read_text()


def _make(institutions: Institutions) -> None:
    url = institutions.chain.url
    institutions.run("deploy", "--url", url, "--out", "deployment.json", "--local-key", "--confirmations", 1)
    common = ("--chain-url", url, "--deployment", "deployment.json", "--trust", "trust.json")
    ports = institutions.ports
    institutions.run(
        "init", "bank", "--name", "Bank A", *common, "--api-port", ports["bank"], "--peer-port", ports["bank-peer"]
    )
    institutions.run("init", "lender", "--name", "Lender", *common, "--api-port", ports["lender"])
    institutions.run(
        *("identity", "init", "registry", "--name", "Registry", "--deployment", "deployment.json"),
        *("--port", ports["enroller"], "--namespace", NAMESPACE),
    )
    entries = [f"{name}/entry.json" for name in ("bank", "lender", "registry")]
    institutions.run("trust", "add", "trust.json", *entries)
    keys = [institutions.run("key", "show", f"bank/keys/{name}.json").out.strip() for name in ("signer", "recorder")]
    assert keys[0] == institutions.address("bank")
    institutions.run("chain", "fund", "--url", url, *keys)
    (institutions.folder / "accounts.csv").write_text("customer,amount\nC1,100\nC2,250\n")
    institutions.run(
        *("vault", "import", "--config", "bank-vault/vault.toml", "--name", "accounts", "--file", "accounts.csv"),
        *("--identifier", "customer", "--namespace", NAMESPACE, "--column", "balance=amount:integer"),
    )
    institutions.run(
        *("vault", "import", "--config", "bank-vault/vault.toml", "--name", "book", "--file", "accounts.csv"),
        *("--identifier", "customer", "--namespace", NAMESPACE, "--column", "balance=amount:integer", "--own"),
    )
    code = institutions.run("identity", "add", "registry/register.csv", "--subject", "C1").out
    (institutions.folder / "code").write_text(code)
    institutions.run("owner", "init", "wallet", "--deployment", "deployment.json", "--trust", "trust.json")


def _start(institutions: Institutions, *words: str) -> Forked:
    log = institutions.folder / "log"
    return program.start(ForkRequest(words, str(institutions.folder), environment()), Path(os.devnull), log, log)
