"""The commands of README, how-to pages and tutorials, block by block, as a reader gives them one after the other in one
shell: a new institution from an empty folder to its audit, and the sandbox of the tutorials. What can't be run is
listed, each with its reason."""

from __future__ import annotations

import contextlib
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

from placet.chain.anvil import find_anvil
from placet.chain.local import free_port
from quick_placet import quick_placet

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("how-to/*.md")), *sorted(DOCS.glob("tutorials/[!w]*.md"))]
FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [block for page in PAGES for block in FENCE.findall(page.read_text())]

LISTED = {
    "placet consent import": "the artefact is another system's; tests/cli/test_institutions.py does the same",
    "scripts/setup": "every test stands on it; the tutorials start a sandbox",
    "scripts/bench job --json": "takes minutes: tests/scripts/test_bench_job.py measures a job",
    ".venv/bin/pip wheel": "builds from the checkout: tests/sandbox/test_installed.py builds and installs a wheel",
    "python3 -m venv .venv": "installs a package from an index; scripts/setup does the same in a checkout",
    "scripts/contract-compare old.md": "run by tests/scripts/test_contract_compare.py, from this very block",
    "placet compare join": "run by tests/scripts/test_contract_compare.py, from this very block",
    "mkdir result": "run by tests/scripts/test_asset_view.py, from this very block",
    "scripts/asset-view --data scripts/examples/own-files --check": "run by tests/scripts/test_asset_view_files.py",
    "placet study check scripts/examples/own-files/study.toml": "run by tests/cli/test_study.py",
    "placet study run scripts/examples/own-files/study.toml": "a run as tests/scripts/test_asset_view.py makes one",
    "placet study run scripts/examples/risk-control/worth.toml": "MPC: tests/recipes/value_of_data/test_live.py, slow",
    "placet study plan": "needs the trust list of real institutions: tests/cli/test_study.py",
    "scripts/marketing-score --sample --check": "run by tests/scripts/test_use_cases.py",
    "scripts/marketing-score --sample --out": "minutes of MPC: tests/scripts/test_use_cases.py, marked slow",
    "scripts/risk-control --sample --check": "run by tests/scripts/test_use_cases.py",
    "scripts/risk-control --sample --out": "minutes of MPC: tests/scripts/test_use_cases.py, marked slow",
    **{
        f"placet chain {command}": "minutes of validators: tests/chain/test_network.py, marked slow"
        for command in ("install --validators", "fund --url", "status --folder .network")
    },
    "placet key new deployer.key": "on a network of others; on a local chain tests/cli/test_program.py deploys so",
    "placet batch make": "needs a file of consents that were signed elsewhere: tests/vault/test_batches.py",
    "placet batch import": "the same",
    "placet identity batch": "needs keys that were made elsewhere: tests/identity/test_batch.py",
    "placet batch anchor": "the same",
    "placet audit --page": "serves until it is interrupted: tests/cli/test_audit_page.py",
    **{
        f"placet {command}": "needs keys of a ceremony: tests/jobs/test_whole_job.py proves with keys of its own"
        for command in (
            "prove register",
            "prove total",
            "owner prove total",
            "prove band",
            "prove check --deployment deployment.json --trust trust.json proof.json \\",
            "prove record --config lender",
        )
    },
    **{
        f"placet {command}": "the same, of the circuit of consents: tests/cli/test_consent_proofs.py, marked slow"
        for command in (
            "owner tag",
            "prove tree",
            "owner prove consent",
            "prove check --deployment deployment.json --trust trust.json proof.json --as",
            "prove record --config sponsor",
        )
    },
    "npm install --prefix ceremony-programs": "installs from an index; hardhat-free-local has the same versions",
    "export PLACET_CEREMONY_PROGRAMS": "the same, and minutes of snarkjs: tests/jobs/test_ceremony.py, marked slow",
    **{
        f"placet zk ceremony {command}": "minutes of snarkjs: tests/jobs/test_ceremony.py, marked slow"
        for command in ("open", "contribute", "confirm", "check")
    },
    "sudo useradd": "makes users of the system",
    "export PLACET_NODE_DATABASE_URL": "needs a PostgreSQL: tests marked slow bring one",
    "placet node --role worker": "the same: tests/attacks/test_processes_are_killed.py runs these, marked slow",
    "placet chain install\nplacet sandbox up --detach": "the tutorials start a sandbox in the same way",
}
INSTITUTION = [
    "placet chain up",
    "placet deploy --url http://127.0.0.1:8545",
    "mkdir -m 700 passphrases",
    "placet init bank",
    "placet identity init registry",
    "placet key new auditor.key",
    "placet trust add",
    "bank=$(placet key show",
    "printf 'customer,balance",
    "printf 'customer,branch",
    "placet vault list",
    "printf '\\n[policy]",
    "placet doctor",
    "offer=$(placet offer make",
    "own=$(placet offer make",
    "placet identity add",
    "(umask 077; head -c 24 /dev/urandom | base64 > passphrases/owner)",
    "given=$(placet owner grant",
    "placet owner check",
    "cat > job.json",
    "placet job show",
    "printf 'Authorization",
    "placet audit $job --url http://127.0.0.1:8545 --deployment deployment.json --trust trust.json \\\n"
    "  --key auditor.key --passphrase-file",
    "curl --fail-with-body -s -H @auth.header http://127.0.0.1:8611/v1/jobs/$job/trail",
    "placet audit 0x…job",
    "placet owner withdraw --wallet wallet $given",
    "placet owner erase --wallet wallet $given",
    "placet revoke",
    "placet enclave accept",
    "placet erase",
    "cp -a backup/bank",
    "placet chain down",
]
SANDBOX = [
    "placet chain install\nplacet sandbox up --institutions",
    "cd placet-sandbox",
    "api=$(sed",
    "grep '^P0005,",
    "export PLACET_PASSPHRASE_FILE=passphrase\n",
    "placet job result --config bank/node.toml $job |",
    "placet owner withdraw --wallet wallet $consent",
    "chain=$(sed",
    "placet audit --bundle job.bundle --deployment deployment.json --trust trust.json\n",
    "bank=$(sed",
    'sed \'s/"name"',
    "cd ..",
]
"""Both by how they start, in an order in which each finds what it needs."""
SAYS = {
    "placet init bank": r'"name": "Bank A"(.|\n)*"name": "Lender"',
    "placet trust add": r"Bank A(.|\n)*Civil registry(.|\n)*Court of Auditors",
    "offer=$(placet offer make": r"Current accounts",
    "placet owner check": r"chain says: batched",
    "placet vault list": r"accounts",
    "placet job show": r'"ended": "completed"',
    "printf 'Authorization": r'"customer":\s*"C0001"',
    "placet audit $job": r"INTACT(.|\n)*INTACT",
    "curl": r"INTACT",
    "placet audit 0x…job": r"INTACT(.|\n)*INTACT",
    "api=$(sed": r"Tax Office",
    "placet job result": r'"350485"',
    "placet owner withdraw --wallet wallet $consent": r'"total": "0"',
    "chain=$(sed": r"INTACT",
    "placet audit --bundle": r"INTACT",
    "bank=$(sed": r"COMPLETE(.|\n)*2  0x",
    "sed 's/": r"TAMPERED",
    "cd ..": r"ended \d+ processes",
}
"""A pattern in what a block prints, where its commands print something."""


def block(start: str) -> str:
    [text] = [text for text in BLOCKS if text.startswith(start)]
    return text


def test_every_block_is_run_or_listed() -> None:
    """Each name stands for one block, and no block is left over."""
    assert sorted(block(start) for start in (*INSTITUTION, *SANDBOX, *LISTED)) == sorted(BLOCKS)
    assert all(LISTED.values())


@dataclass
class Session:
    """A reader's shell in a folder, which keeps variables and the place where it is. `names` stand for words of the
    documents: ports, and the ids that a reader copies."""

    home: Path
    quick: Path
    names: dict[str, str] = field(default_factory=dict)

    def sh(self, script: str) -> str:
        """What a script says on stdout. Servers run on in the background, once they answer."""
        for word, value in self.names.items():
            script = script.replace(word, value)
        assert "…" not in script and "example." not in script, script
        programs = f"{find_anvil().parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = {name: value for name, value in os.environ.items() if not name.startswith("PLACET_")}
        path = programs if "placet sandbox" in script else f"{self.quick}:{programs}"  # its servers outlive it
        kept = " ".join(sorted(set(re.findall(r"^(?:export )?(\w+)=", "\n".join(BLOCKS), re.MULTILINE))))
        state = self.home / "session"
        lines = [
            f". {state}" if state.exists() else f"cd {self.home}",
            *(self._server(line) for line in script.splitlines()),
            f'for name in {kept}; do eval "value=\\${{$name-}}"',
            f'[ -z "$value" ] || echo "export $name=\'$value\'"; done > {state}',
            f"echo \"cd '$PWD'\" >> {state}",
        ]
        done = subprocess.run(
            ["sh", "-eu"],  # noqa: S607
            input="\n".join(lines),
            cwd=self.home,
            env=own | {"NO_COLOR": "1", "PATH": path},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def value(self, name: str) -> str:
        """A variable of the shell."""
        return dict(re.findall(r"^export (\w+)='(.*)'$", (self.home / "session").read_text(), re.MULTILINE))[name]

    def _server(self, line: str) -> str:
        server = re.fullmatch(r"(placet (vault|node|identity) --config (\S+)/\w+\.toml) &", line)
        if server is None:
            return line
        port = {"bank": self.names["8601"], "lender": self.names["8611"], "registry": self.names["8701"]}
        socket = f"[ -S {server[3]}/vault.sock ]"
        ready = socket if server[2] == "vault" else f"curl -sf http://127.0.0.1:{port[server[3]]}/healthz"
        return f"""{server[1]} >>log 2>&1 </dev/null & echo $! >>{self.home}/pids
            n=0; until {ready} >/dev/null; do n=$((n+1)); [ $n -lt 600 ]; sleep 0.2; done"""

    def stop(self) -> None:
        """End the servers that blocks have started, by their ids."""
        pids = self.home / "pids"
        for pid in map(int, pids.read_text().split() if pids.exists() else ()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                process.send_signal(signal.SIGTERM)
                process.wait(60)
        pids.unlink(missing_ok=True)


@contextlib.contextmanager
def session(last: str) -> Iterator[Session]:
    """A session in a new folder; whatever happened in it, the command `last` and `stop` end what it started."""
    home = Path(tempfile.mkdtemp(prefix="doc-", dir="/tmp"))  # vaults listen on sockets below it
    with quick_placet(home) as quick:
        made = Session(home, quick)
        try:
            yield made
        finally:
            made.stop()
            with contextlib.suppress(AssertionError):
                made.sh(f"cd {home}; {last}")
            shutil.rmtree(home)


@pytest.fixture(scope="module")
def institution() -> Iterator[Session]:
    with session("placet chain down --folder .chain") as made:
        made.names = {port: str(free_port()) for port in ("8545", "8601", "8602", "8611", "8612", "8701")}
        made.names |= {"--block-time 1": "--block-time 0.25", "--code-file code": "--code-file code --yes"}
        yield made


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Session]:
    with session("placet sandbox down") as made:
        made.names = {"--code-file code": "--code-file code --yes"}
        yield made


def before(start: str, here: Session) -> str:
    """What the text around a block takes for granted; the block with what a reader puts in the place of its words."""
    text = block(start)
    if start == "placet audit 0x…job":  # README's, which stands for itself
        here.names |= {"https://rpc.example.org": f"http://127.0.0.1:{here.names['8545']}", "0x…job": "$job"}
        return f"(export PLACET_PASSPHRASE_FILE=passphrases/auditor; {text})"
    for reader, passphrase in (("placet owner check", "passphrases/owner"), ("export PLACET_PASS", "my-passphrase")):
        if start.startswith(reader):  # once the batch that the consent lies in is on chain: readers are slower
            here.sh(f"""n=0; until placet owner list --wallet wallet --passphrase-file {passphrase} |
                grep -q given; do n=$((n+1)); [ $n -lt 300 ]; sleep 0.2; done""")
    if start.startswith("placet owner erase"):  # once the chain has the withdrawal
        here.sh("""n=0; until placet owner list --wallet wallet --passphrase-file passphrases/owner |
            grep -q withdrawn; do n=$((n+1)); [ $n -lt 300 ]; sleep 0.2; done""")
    if start == "placet revoke":
        here.sh("\n".join(block("given=$(placet owner grant").splitlines()[:2]))
        here.names["0x…consent"] = here.value("given")
        here.sh("""n=0; until placet owner list --wallet wallet --passphrase-file passphrases/owner |
            grep $given | grep -q given; do n=$((n+1)); [ $n -lt 300 ]; sleep 0.2; done""")
    if start == "placet enclave accept":
        here.names["0x…measurement"] = "0x" + secrets.token_hex(32)
    if start == "placet erase":  # once the revocation counts on chain
        here.sh("""n=0; until placet owner list --wallet wallet --passphrase-file passphrases/owner |
            grep 0x…consent | grep -q revoked; do n=$((n+1)); [ $n -lt 300 ]; sleep 0.2; done""")
    if start == "cp -a backup/bank":
        here.stop()
        here.sh("mkdir backup; mv bank bank-vault backup")
    if start == "grep '^P0005,":
        found = re.search(r"0x[0-9a-f]{64}", here.sh("placet owner offers --wallet wallet --api $api"))
        assert found is not None
        here.names["0x…offer"] = found[0]
    return text


def run(start: str, here: Session) -> None:
    said = here.sh(before(start, here))
    pattern = next((pattern for name, pattern in SAYS.items() if start.startswith(name)), "")
    assert re.search(pattern, said), said


@pytest.mark.slow  # by default recipes' own tests: a copy of the package is compiled anew three times
def test_write_a_recipe(tmp_path: Path) -> None:
    """The tutorial's files and commands, in their order, in a copy of the checkout."""
    for name in ("backend/placet", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name)  # with what is compiled, which is as new as its source
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    text = (DOCS / "tutorials" / "write-a-recipe.md").read_text()
    parts = re.findall(r'^```(?:sh|\w+ title="([^"]+)")\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)
    answers = []
    for title, content in parts:
        if title:
            (tmp_path / title).parent.mkdir(exist_ok=True)
            (tmp_path / title).write_text(content)
            continue
        done = subprocess.run(
            ["sh", "-eu", "-c", content],  # noqa: S607
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path / "backend")},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        answers.append(done.stdout)
    recipes, digest, tests = answers
    assert "consent-count, version 1: The consumer learns how many persons" in recipes
    assert f'"0x{digest.split()[0]}"' in text
    assert re.search(r"\d+ passed", tests)


@pytest.mark.slow  # by default the tutorials, and cli/test_institutions
@pytest.mark.parametrize("start", INSTITUTION)
def test_a_new_institution(institution: Session, start: str) -> None:
    run(start, institution)


@pytest.mark.parametrize("start", SANDBOX)
def test_the_tutorials(sandbox: Session, start: str) -> None:
    run(start, sandbox)
