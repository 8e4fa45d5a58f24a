"""docs/reference/api.md does what it says: its commands and its program run against a node, its tables fit the code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from placet.core.offers import Offer
from placet.core.signatures import Key
from placet.core.values import to_hex
from placet.node.app import create_app

from .conftest import NodeEnvironment, Owner
from .test_relay import Process

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
OF_JOBS = TEXT[TEXT.index("\n## Jobs\n") : TEXT.index("\n## With a wallet library")]


def blocks(language: str, text: str = TEXT.replace(OF_JOBS, "")) -> list[str]:
    """The code blocks of the document, those about jobs left out."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@dataclass
class Served:
    """A node as a process of its own, with one offer."""

    process: Process
    offer: Offer
    owner: Owner

    def environment(self, folder: Path) -> dict[str, str]:
        (folder / "enrolment.json").write_text(json.dumps(self.owner.enrolment()))
        assert isinstance(self.owner.key, Key)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "NODE": self.process.url,
            "PROVIDER": to_hex(self.owner.environment.provider.address),
            "OFFER": to_hex(self.offer.id),
            "OWNER": to_hex(self.owner.signer),
            "OWNER_KEY": to_hex(self.owner.key.secret),
            "SUBJECT_COMMITMENT": to_hex(self.owner.opening.commitment),
            "ENROLMENT_FILE": str(folder / "enrolment.json"),
            "CREDENTIAL_FILE": str(self.process.settings.folder / "credential"),
            "CONSENT": to_hex(bytes(32)),
        }


@pytest.fixture
def served(environment: NodeEnvironment, owner: Owner, tmp_path: Path) -> Iterator[Served]:
    process = Process(environment, tmp_path / "node")
    offer, _ = environment.offer(process.settings.path(process.settings.scopes))
    process.start()
    try:
        process.until(lambda: to_hex(offer.id) in httpx.get(process.url + "/v1/offers").text)
        yield Served(process, offer, owner)
    finally:
        process.end(15)


def test_the_curl_examples_run(served: Served, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    examples = blocks("sh")
    assert examples
    for block in examples:
        done = subprocess.run(
            ["/bin/sh", "-eu", "-c", block],
            env=served.environment(tmp_path),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_wallet_example_runs(served: Served, tmp_path: Path) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    assert npm is not None and node is not None, "Node and npm are prerequisites"
    install = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "ethers@6"]
    (tmp_path / "package.json").write_text('{"private": true}')
    subprocess.run(install, cwd=tmp_path, check=True, capture_output=True, timeout=300)
    [program] = blocks("js")
    (tmp_path / "owner.mjs").write_text(program)
    done = subprocess.run(
        [node, "owner.mjs"],
        env=served.environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "You allow First Bank" in done.stdout
    assert done.stdout.rstrip().endswith("withdrawing")


def test_routes_and_openapi_agree(environment: NodeEnvironment, tmp_path: Path) -> None:
    app = create_app(environment.settings(tmp_path / "node"))
    served = {f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods}
    told = set(re.findall(r"^\| `((?:GET|POST|PUT) [^`]+)`", TEXT, re.MULTILINE))
    app.state.node.engine.dispose()
    assert served == told
