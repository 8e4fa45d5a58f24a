"""What another party says steers no terminal: every command prints through one sink, and that writes out the hidden."""

from __future__ import annotations

import ast
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from placet.chain.keystore import save_secret
from placet.cli import confined
from placet.cli.main import app
from placet.cli.output import console, emit, say, show_error, table, write_line
from placet.core.errors import InputError
from placet.core.signatures import Key
from placet.core.text import is_seen
from placet.core.values import to_hex
from placet.node.service import write_credential
from placet.owner.wallet import Wallet

PACKAGE = Path(__file__).resolve().parents[2] / "backend" / "placet"
EVIL = "EVIL\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u2066\u200b\u00ad\ufeff\x00\r\U000e0041"
ID = "0x" + "ab" * 32
ADDRESS = "0x" + "cd" * 20


def demand_seen(output: str, what: object) -> None:
    hidden = [f"U+{ord(character):04X}" for character in output if not is_seen(character) and character != "\n"]
    assert hidden == [], (what, hidden, output[:500])


# ------------------------------------------------------------------------------------------------ one sink

# Modules that write to the terminal themselves, and why that is right.
SINKS = {
    "cli/output.py": "the sink",
    "node/__main__.py": "one line, through `visible`",
    "vault/__main__.py": "one line, through `visible`",
    "chain/compile.py": "a table of our own contracts",
    "protocols/spu/__main__.py": "a child process, whose stderr is a log file",
    "protocols/enclave/platform/trace.py": "inside the enclave's sandbox",
    "cli/sandbox.py": "a flush",
    "cli/confined.py": "a child's judgement, as JSON into its parent's pipe",
    "sandbox/token.py": "a child's address, into its parent's pipe",
    "protocols/zk/apart.py": "a child's proof, into its parent's pipe",
}


def writes(node: ast.AST) -> bool:
    """Does a call write to the terminal without asking the sink?"""
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    return called in ("print", "typer.echo", "typer.secho", "click.echo", "rich.print", "Console") or (
        called.startswith(("sys.stdout.", "sys.stderr.")) and not called.endswith((".isatty", ".fileno"))
    )


def test_only_the_sink_writes() -> None:
    found = {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if any(map(writes, ast.walk(ast.parse(file.read_text(encoding="utf-8")))))
    }
    assert found - SINKS.keys() == set()


def test_the_sink_writes_out_what_is_not_seen(capsys: pytest.CaptureFixture[str]) -> None:
    write_line(EVIL)
    say(EVIL)
    table(EVIL, (EVIL, "b"), [(EVIL, "x"), ("y", EVIL)])
    show_error(InputError(EVIL, expected=EVIL, found=EVIL, remedy=EVIL))
    for stderr in (False, True):
        screen = console(stderr=stderr)
        screen.print(EVIL, style="bold")
        screen.print(f"[bold]{EVIL}")
        with screen.status(EVIL):
            pass
    emit({EVIL: [EVIL, {"a": EVIL}]})
    out, err = capsys.readouterr()
    demand_seen(out, "stdout")
    demand_seen(err, "stderr")
    assert out.count("EVIL\\x1b]0;owned") > 5
    assert json.loads(out[out.rindex("\n{") :]) == {EVIL: [EVIL, {"a": EVIL}]}


def test_a_terminals_own_sequences_are_all_that_steers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal Rich's colours stay, and nothing of the text is one."""
    monkeypatch.setenv("TERM", "xterm")
    screen = console()
    screen._force_terminal = True
    with screen.capture() as capture:
        screen.print("EVIL\x1b[2J", style="bold red")
    assert capture.get().count("\x1b[2J") == 0
    assert "EVIL\\x1b[2J" in capture.get()


# ------------------------------------------------------------------------- every command, among hostile parties


class Hostile(BaseHTTPRequestHandler):
    """A node, an enroller and a chain endpoint that answer everything with what steers terminals."""

    problems = True
    moment: dict[str, Any] = {"status": EVIL, "at": 0, "code": EVIL, "why": EVIL}  # noqa: RUF012

    def answer(self) -> None:
        size = int(self.headers.get("content-length", 0))
        body = self.rfile.read(size)
        try:
            question = json.loads(body or b"{}")
        except ValueError:
            question = {}
        status, kind = 200, "application/json"
        if isinstance(question, dict) and "jsonrpc" in question:
            failure = {"code": -32000, "message": EVIL, "data": EVIL}
            document: Any = {"jsonrpc": "2.0", "id": question.get("id"), "error": failure}
        elif self.problems:
            status, kind = 400, "application/problem+json"
            document = {"code": "input", "title": EVIL, "detail": EVIL, "expected": EVIL, "found": EVIL, "remedy": EVIL}
        elif self.path.endswith("/events"):
            kind = "text/event-stream"
            ended = self.moment | {"status": "aborted"}
            lines = [f"id: {n}\ndata: {json.dumps(m)}\n\n" for n, m in enumerate((self.moment, ended), 1)]
            return self.send(200, kind, "".join(lines).encode())
        else:
            document = self.document()
        return self.send(status, kind, json.dumps(document).encode())

    def document(self) -> Any:
        job = {"id": EVIL, "recipe": EVIL, "status": EVIL, "attempt": EVIL, "deadline": 0, "ended": EVIL}
        if self.path == "/v1/jobs" and self.command == "GET":
            return {"jobs": [job], "cursor": None}
        if self.path.startswith("/v1/datasets"):
            return {
                "datasets": [
                    {"name": EVIL, "id": ID, "columns": [EVIL], "identifier": EVIL, "namespace": EVIL, "personal": True}
                ]
            }
        return job | {"code": EVIL, "result": {EVIL: EVIL}, "offers": EVIL}

    def send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def hostile(problems: bool) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Mood", (Hostile,), {"problems": problems}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def evil_study() -> str:
    """A study as any is, but for the names of files and columns."""
    word = json.dumps(EVIL.replace("\x00", ""), ensure_ascii=False)
    lines = ['title = "x"', 'recipe = "asset-view"', 'purpose = "CreditChecking"', 'namespace = "urn:example:person"']
    lines.append('parameters = { value = "balance" }')
    for name, more in (("North", ""), ("South", ""), ("Office", 'role = "consumer"')):
        lines += ["[[institutions]]", f'name = "{name}"', more, f"file = {word}", f"identifier = {word}"]
        lines.append(f'columns = {{ balance = {{ type = "integer", source = {word} }} }}')
    return "\n".join(lines) + "\n"


@dataclass
class Home:
    """A node's folder, a wallet and files of strangers."""

    folder: Path
    url: str

    def __post_init__(self) -> None:
        one = {"address": ADDRESS, "code_hash": ID}
        names = (
            "dataset_registry",
            "consent_registry",
            "job_ledger",
            "reward_escrow",
            "p256_verifier",
            "webauthn_verifier",
        )
        deployment = dict.fromkeys(
            (
                *names,
                "audit_stakes",
                "consent_trees",
                "enclave_registry",
                "ceremonies",
                "groth16_verifier",
                "statements",
                "statement_escrow",
            ),
            one,
        )
        deployment |= {
            "chain_id": 31337,
            "block": 0,
            "genesis": ID,
            "confirmations": 0,
            "finality": "blocks",
            "evm": "osaka",
        }  # type: ignore[dict-item]
        self.write("deployment.json", json.dumps(deployment))
        self.write("trust.json", json.dumps({"institutions": []}))
        self.write("passphrase", "only for tests\n").chmod(0o600)
        self.write("evil.json", json.dumps({"address": EVIL, "name": EVIL, "type": EVIL, "certificate": EVIL}))
        self.write("evil.txt", EVIL + "\n")
        self.write("evil.csv", f"{EVIL},b\n{EVIL},{EVIL}\n")
        self.write("evil.toml", evil_study())
        node = self.folder / "node"
        node.mkdir()
        key = Key(b"\x01" * 32)
        for name in ("signer", "recorder"):
            save_secret(node / "keys" / f"{name}.json", key.secret, "only for tests")
        write_credential(node / "credential")
        port = self.url.rpartition(":")[2]
        paths = {"deployment": "../deployment.json", "trust": "../trust.json", "passphrase_file": "../passphrase"}
        settings = {"api_port": int(port), "chain_url": self.url, "vault_socket": "no.sock", **paths}
        text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
        text += f'[institution]\naddress = "{to_hex(key.address)}"\nname = "Bank A"\n'
        self.write("node/node.toml", text)
        files = (self.folder / name for name in ("deployment.json", "trust.json"))
        Wallet.create(self.folder / "wallet", "only for tests", *(file.read_bytes() for file in files))

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.write_text(text, encoding="utf-8")
        return file

    def words(self, template: str) -> list[str]:
        values = {
            "node": self.folder / "node" / "node.toml",
            "deployment": self.folder / "deployment.json",
            "trust": self.folder / "trust.json",
            "wallet": self.folder / "wallet",
            "key": self.folder / "node" / "keys" / "signer.json",
            "json": self.folder / "evil.json",
            "study": self.folder / "evil.toml",
            "toml": self.folder / "evil.txt",
            "txt": self.folder / "evil.txt",
            "csv": self.folder / "evil.csv",
            "new": self.folder / f"new-{time.monotonic_ns()}",
            "url": self.url,
            "id": ID,
            "address": ADDRESS,
            "evil": EVIL.replace("\x00", ""),
        }
        return [word.format(**values) for word in template.split()]


FILES = "--deployment {deployment} --trust {trust}"
COMMANDS: dict[str, tuple[str, ...]] = {
    "deploy": ("--url {url} --out {new} --local-key", "--url {url} --out {new} --key {json}"),
    "init": (
        "{new} --name {evil} --chain-url {url} --passphrase-file {folder}/passphrase " + FILES,
        "{new} --name x --chain-url {url} --deployment {json} --trust {json} --passphrase-file {txt}",
    ),
    "doctor": ("--config {node}", "--config {node} --json", "--config {toml}"),
    "grant": ("--config {node} --offer {id}", "--config {node} --offer {evil}"),
    "revoke": ("--config {node} {id} --reason {evil} --timeout 1",),
    "erase": ("--config {node} {id}", "--config {node} {evil}", "--config {node} --owner {evil}", "--config {node}"),
    "recipes": ("",),
    "catalogue": ("--config {node}", "--config {node} --own --search {evil} --json"),
    "audit institution": (
        "{address} --url {url} --bundles {folder} " + FILES,
        "{evil} --url {url} --json " + FILES,
        "{address} --list {json} --bundles {folder} " + FILES,
        "{address} --url {url} --save {txt} " + FILES,
    ),
    "audit replay": (
        "{id} --config {node}",
        "{evil} --config {node} --json",
        "{id} --all --sandbox {new}",
        "{id} --config {toml}",
    ),
    "audit certificate": (
        "{id} --url {url} --key {key} --out {new} --report " + FILES,
        "{id} --url {url} --file {json} --json " + FILES,
        "{evil} --url {url} --file {evil} " + FILES,
    ),
    "audit sample": (
        "{id} --url {url} --key {key} --out {new} " + FILES,
        "{evil} --url {url} --key {key} --out {new} --rows --json " + FILES,
    ),
    "audit": (
        "--bundle {json}",
        "--bundle {json} --noise {json} --key {key}",
        "{id} --url {url} " + FILES,
        "{evil} --url {url} " + FILES,
    ),
    "chain down": ("--folder {new}",),
    "chain status": ("--folder {new}",),
    "chain fund": ("{address} --url {url}", "{evil} --url {url}"),
    "key new": ("{txt}",),
    "key show": ("{json}", "{key}", "{key} --noise"),
    "account open": ("--config {toml} --recovery {address}", "--config {node} --recovery {evil}"),
    "account roll": (
        "{address} --signer {address} --url {url} --key {key}",
        "{evil} --signer {evil} --url {url} --key {key}",
    ),
    "account show": ("{address} --url {url} --deployment {json}",),
    "key roll-hpke": ("--config {toml}",),
    "trust add": ("{trust} {json} --kind auditors", "{json} {json}", "{trust} {txt}", "{trust} {json} --kind {evil}"),
    "trust auditor": ("{new} --name {evil} --key {key}", "{new} --name x --key {json}"),
    "trust draft": (
        "{new} --deployment {json} --trust {trust} --root-key {evil} --list-key {address}",
        "{new} --from {json} --witness {evil}",
    ),
    "trust sign": ("{json} --key {key}", "{txt} --key {key}"),
    "trust show": ("{json}", "{json} --json"),
    "trust update": ("{new} {json} --root {evil}", "{json} {json}"),
    "trust check": ("{json}", "{trust}"),
    "vault import": ("--config {toml} --name x --file {csv} --identifier {evil} --column {evil}",),
    "vault list": ("--config {toml}",),
    "vault show": ("--config {toml} {evil}",),
    "vault remove": ("--config {toml} {evil}",),
    "offer make": (
        "--config {node} --dataset {evil} --consumer {address} --purpose CreditChecking --operations PSI"
        " --columns a --output total --recipes asset-view --parties {address}",
    ),
    "offer list": ("--config {node}",),
    "offer record": ("--config {node}", "--config {node} --json"),
    "model list": ("--config {node}", "--config {node} --json"),
    "model show": ("--config {node} {evil}", "--config {node} {id}"),
    "model card": ("--config {node} {evil} --out {new}", "--config {node} {id} --out {new}"),
    "model retrain": ("--config {node} {evil}", "--config {node} {id}", "--config {node} {id} --offers {evil} --start"),
    "model register": ("--config {node} {evil}",),
    "model table": ("{json} --out {new}", "{txt} --out {new}"),
    "model export": ("{json} --out {new}.sql --table {evil}", "{txt} --out {new}.csv", "{json} --out {new}{evil}"),
    "batch make": ("--config {node} {json} {new} --offer {id}",),
    "batch check": ("{json} " + FILES, "{txt} --deployment {json} --trust {json}"),
    "batch import": ("--config {toml} {json}",),
    "batch anchor": ("--config {node} {json}",),
    "enclave accept": ("sgx {evil} --config {node}", "{evil} {id} --config {node}"),
    "enclave retire": ("sgx {evil} --config {node}",),
    "enclave show": ("sgx {id} --config {node}",),
    "compare start": ("{txt} --config {node} --with {evil} --service {address} --out {new} --wait 1s",),
    "compare join": ("{txt} --config {node} --with {evil} --service {address} --out {new} --wait 1s",),
    "compare resume": ("{evil} --config {node} --out {new}",),
    "compare withdraw": ("{evil} --config {node} --timeout 1",),
    "job plan": (
        "--config {node} --recipe model-score --model {evil}",
        "--config {node} --recipe {evil} --offers {json}",
        "--config {node} --recipe match --offers {txt}",
        "--config {node} --recipe asset-view --offers {txt} --auditor {evil} --stake 5 --token {evil}",
    ),
    "job start": (
        "--config {node} --file {json}",
        "--config {node} --file {json} --json",
        "--config {node} --file {txt}",
    ),
    "job list": ("--config {node}", "--config {node} --json"),
    "job show": ("--config {node} {id}", "--config {node} {evil}"),
    "job watch": ("--config {node} {id}",),
    "job result": ("--config {node} {id}",),
    "job cancel": ("--config {node} {id}",),
    "job noise": (
        "--config {node} {id} --auditor {id} --out {new}",
        "--config {node} {id} --auditor {evil} --out {new}",
    ),
    "job stakes": ("--config {node} {id}", "--config {node} {id} --settle --json"),
    "job report": ("--config {node} {id} --file {json}", "--config {node} {id} --file {evil}"),
    "job answer": (
        "--config {node} {id} --out {new}",
        "--config {node} {evil} --out {new}",
        "--config {node} {id} --finding {json} --out {new}",
    ),
    "job certificate": ("--config {node} {id} --out {new}", "--config {node} {evil} --out {new}"),
    "job held": ("--config {node}",),
    "job approve": ("--config {node} {id} --by {evil}",),
    "job refuse": ("--config {node} {id} --reason {evil}",),
    "owner init": ("{new} --deployment {json} --trust {json}", "{wallet} " + FILES),
    "owner offers": ("--wallet {wallet} --api {url}", "--wallet {wallet} --api {url} --json"),
    "owner grant": ("--wallet {wallet} --api {url} --offer {id} --yes",),
    "owner list": ("--wallet {wallet}",),
    "owner submit": ("--wallet {wallet} {evil}", "--wallet {wallet} {id}"),
    "owner withdraw": ("--wallet {wallet} {evil}",),
    "owner uses": ("--wallet {wallet} {evil}", "--wallet {wallet}"),
    "standing propose": (
        "--config {node} --file {json} --openings 2 --days 1",
        "--config {node} --file {txt} --openings 2 --days 1",
    ),
    "standing list": ("--config {node}", "--config {node} --json"),
    "standing agree": ("--config {node} {id}",),
    "standing end": ("--config {node} {id}",),
    "standing open": ("--config {node} {id}", "--config {node} {id} --watch"),
    "prove total": (
        "--config {node} {id} --customer {evil} --person {address} --purpose {evil} --out {new}",
        "--config {node} {id} --customer x --person {evil} --purpose x --out {new}",
    ),
    "prove band": ("{json} --from 1 --below 2 --for {address} --keys {new} --out {new} --deployment {deployment}",),
    "prove check": (
        "{json} --keys {new} " + FILES,
        "{json} --url {url} " + FILES,
        "{txt} --keys {new} --at-least {evil} " + FILES,
    ),
    "prove register": ("--config {node} --keys {new}",),
    "prove record": ("--config {node} {json}",),
    "zk ceremony open": (
        "--config {node} {new} --circuit {evil} --contributor {address} --contributor {address}",
        "--config {node} {new} --circuit band --contributor {evil}",
    ),
    "zk ceremony contribute": ("--config {node} {new} --programs {new}",),
    "zk ceremony confirm": ("--config {node} {new} --programs {new}",),
    "zk ceremony check": ("{new} --programs {new} --url {url} " + FILES,),
    "prove tree": ("--config {node} {id} --out {new}", "--config {node} {evil} --out {new}"),
    "owner tag": ("--wallet {wallet} {id}",),
    "owner prove consent": (
        "--wallet {wallet} {id} --tree {json} --job {id} --for {evil} --prover {address} --url {url} --keys {new} "
        "--out {new}",
    ),
    "owner prove total": (
        "{json} --at-least 1 --for {evil} --keys {new} --out {new} --deployment {deployment}",
        "{txt} --at-least {evil} --for {address} --keys {new} --out {new} --deployment {deployment}",
    ),
    "owner check": ("--wallet {wallet} {id} --url {url}",),
    "owner receipt": ("--wallet {wallet} {id} --out {new}", "--wallet {wallet} {evil} --out {new}"),
    "owner erase": ("--wallet {wallet} {id}", "--wallet {wallet} {evil} --look"),
    "owner access": ("--wallet {wallet} --out {new}",),
    "owner check-receipt": ("{json} --url {url} " + FILES, "{txt} " + FILES, "{evil} " + FILES),
    "consent import": (
        "{json} --from account-aggregator --out {new}",
        "{txt} --from uk-open-banking --out {new} --key {txt} --signature {txt}",
        "{json} --from {evil} --out {new}",
    ),
    "consent receipt": ("{id} --config {toml} --out {new}", "{evil} --config {toml} --out {new}"),
    "consent export": (
        "{json} --to uk-open-banking --terms {json} --out {new} " + FILES,
        "{evil} --to {evil} --terms {evil} --out {new} " + FILES,
    ),
    "identity init": (
        "{new} --name {evil} --namespace urn:example:person --deployment {deployment} --passphrase-file {txt}",
        "{new} --name Registry --namespace {evil} --deployment {deployment} --passphrase-file {txt}",
    ),
    "identity batch": ("{csv} {new} --config {txt}", "{txt} {new} --config {toml}"),
    "identity add": ("{csv} --subject x", "{new} --from {txt} --codes {txt}"),
    "witness init": ("{new} --name {evil} --deployment {deployment} --url {url} --passphrase-file {txt}",),
    "witness key": ("--config {txt}", "--config {toml}"),
    "witness once": ("--config {toml}",),
    "witness compare": ("{txt} {json} --witness {evil}", "{json} {txt} --witness {txt}"),
    "sandbox down": ("{new}",),
    "sandbox status": ("{new}",),
    "study check": ("{study}", "{study} --json", "{txt}", "{json} --data {evil}"),
    "study run": ("{study} --out {new}", "{txt} --out {new}"),
    "study plan": ("{study} --trust {trust} --out {new}", "{study} --config {node} --out {new}", "{json} --out {new}"),
}
# Commands that serve until they are told to end, or bring the chain's program: what they print are logs, which
# tests/core/test_text.py holds to the same.
SERVE = {"node", "vault", "identity", "witness run", "chain up", "chain install", "sandbox up"}
# Commands of whose hostile peer some words must have come through, or nothing was tried.
HEARD = {
    True: {"job start", "job list", "job show", "job watch", "job result", "job cancel", "owner offers", "owner grant"},
    False: {"job list", "job show", "job watch", "job result", "job start"},
}


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not hasattr(command, "commands"):
        yield " ".join(path)
        return
    if path and command.invoke_without_command:
        yield " ".join(path)
    for name, below in command.commands.items():
        yield from leaves(below, (*path, name))


def test_every_command_is_tried() -> None:
    assert set(leaves(typer.main.get_command(app))) == COMMANDS.keys() | SERVE


@pytest.mark.parametrize("problems", [pytest.param(True, marks=pytest.mark.slow), False])
def test_hostile_parties_steer_no_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problems: bool) -> None:
    monkeypatch.setattr("placet.chain.keystore.SCRYPT_N", 2**12)
    monkeypatch.setattr("placet.owner.wallet.SCRYPT_N", 2**14)
    monkeypatch.setattr("placet.owner.wire.TRIES", 1)
    monkeypatch.setattr(
        confined, "judge", lambda request: confined.judge_here(request, lambda size: None)
    )  # no process for each
    monkeypatch.setenv("PLACET_PASSPHRASE", "only for tests")
    monkeypatch.setenv("PLACET_SUBJECT", EVIL.replace("\x00", ""))
    monkeypatch.setenv("PLACET_CODE", "code")
    heard = set()
    with hostile(problems) as url:
        home = Home(tmp_path, url)
        for command, templates in COMMANDS.items():
            for template in templates:
                words = [*command.split(), *home.words(template.replace("{folder}", str(tmp_path)))]
                began = time.monotonic()
                answer = CliRunner().invoke(app, words)
                print(f"{time.monotonic() - began:.2f} {command} {answer.exit_code} {answer.exception!r:.80}")
                demand_seen(answer.stdout, words)
                demand_seen(answer.stderr, words)
                if "EVIL\\x1b" in answer.output or "EVIL\\u001b" in answer.output:
                    heard.add(command)
    assert HEARD[problems] - heard == set()
