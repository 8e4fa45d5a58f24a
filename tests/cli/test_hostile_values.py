"""Every command over values that nobody meant: an error in words, exit code 1 or 2, never a traceback."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from placet.chain import keystore
from placet.cli.main import app
from placet.core.errors import ConfigError
from placet.owner import wallet

from .conftest import PASSPHRASE, passphrase_file
from .test_program import COMMANDS

NOBODY = "http://127.0.0.1:9"
ID = "0x" + "5b" * 32
ADDRESS = "0x" + "5b" * 20
TEXTS = (
    "",
    " ",
    "\x1b[31mred",
    "two\nlines",
    "\u202egnirts",
    "\udcff",
    "💥",
    "x" * 10_000,
    "0x",
    "0x" + "zz" * 32,
    "0x" + "00" * 20,
    "../../etc",
    "null",
    "a=b=c:d",
    "http://",
    "http://[::1",
    "http://user:s3cr3t@127.0.0.1:9/?key=s3cr3t",
    "ftp://127.0.0.1",
    "99999999999999999999d",
)
NUMBERS = ("-1", "0", "1.5", "99999999999999999999", "nan", "inf", "1e400", "x", "", "٣")
NO_WORDS = re.compile(
    r"Traceback|unforeseen|\b(?!Connect|Read)[A-Z][a-z]+[A-Za-z]*(Error|Exception|Warning)\b"
    r"|pydantic|should match pattern|Errno|\(\?"
)
"""What an error of a library, or of Python, would show; a connection that fails has words of its own."""


def hostile_files(folder: Path) -> dict[str, Path]:
    made = {
        "empty": b"",
        "binary": bytes(range(256)) * 40,
        "deep.json": b"[" * 200_000,
        "deeper.json": b'{"a":' * 100_000,
        "deep.toml": b"a = " + b"[" * 100_000,
        "latin.json": '{"name": "Müller"}'.encode("latin-1"),
        "utf16.json": '{"name": "Müller"}'.encode("utf-16"),
        "number.json": b"1" * 6_000,
        "list.json": b"[]",
        "null.json": b"null",
        "other.json": b'{"type": "placet.offer", "version": 1, "extra": {"a": [1e999, NaN]}}',
        "surrogate.json": b'{"name": "\\ud800"}',
        "zeros.csv": b"ID\0\0\n",
        "text.toml": b"name = 'a'\nconfig = 3\n",
    }
    for name, raw in made.items():
        (folder / name).write_bytes(raw)
        (folder / name).chmod(0o600)
    with (folder / "huge.csv").open("wb") as file:
        file.truncate(3 << 30)
    (folder / "huge.csv").chmod(0o600)
    (folder / "directory").mkdir()
    (folder / "dangling").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    others = {name: folder / name for name in ("huge.csv", "directory", "dangling", "loop", "missing")}
    others["below a file"] = folder / "empty" / "below"
    others["long"] = folder / ("n" * 300)
    others["odd"] = folder / "\udcff\x1b[31m\n"
    others["device"] = Path("/dev/null")
    return {name: folder / name for name in made} | others


class House:
    """Good values for every option, with nothing behind the addresses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runner = CliRunner()
        passphrase_file(folder)
        contract = {"address": ADDRESS, "code_hash": ID}
        names = (
            "dataset_registry",
            "consent_registry",
            "job_ledger",
            "reward_escrow",
            "p256_verifier",
            "webauthn_verifier",
            "enclave_registry",
            "ceremonies",
            "groth16_verifier",
            "statements",
            "statement_escrow",
            "audit_stakes",
            "consent_trees",
        )
        deployment = {
            "chain_id": 31337,
            "block": 0,
            "genesis": ID,
            "confirmations": 1,
            "finality": "blocks",
            "evm": "osaka",
        } | dict.fromkeys(names, contract)
        (folder / "deployment.json").write_text(json.dumps(deployment))
        common = ("--deployment", "deployment.json", "--passphrase-file", "passphrase")
        self.good("key", "new", "key.json")
        self.good("init", "bank", "--name", "Bank", "--chain-url", NOBODY, "--trust", "trust.json", *common)
        self.good("trust", "add", "trust.json", "bank/entry.json")
        self.good("identity", "init", "registry", "--name", "Registry", "--namespace", "urn:example:person", *common)
        self.good("owner", "init", "wallet", "--trust", "trust.json", *common)
        (folder / "accounts.csv").write_text("customer,balance\nC1,1\n")
        self.table = ("--file", "accounts.csv", "--identifier", "customer", "--column", "balance")
        self.good("vault", "import", "--config", "bank-vault/vault.toml", "--name", "accounts", *self.table)
        (folder / "lines").write_text("{}\n")
        (folder / "contract.txt").write_text("1. A contract.\n")

    def run(self, *words: str) -> Any:
        with contextlib.chdir(self.folder):
            return self.runner.invoke(app, list(words), env={"PLACET_PASSPHRASE": PASSPHRASE, "NO_COLOR": "1"})

    def good(self, *words: str) -> None:
        result = self.run(*words)
        assert result.exit_code == 0, (words, result.output, result.exception)

    def value(self, command: tuple[str, ...], name: str) -> str:
        """A good value of a parameter."""
        configs = {"vault": "bank-vault/vault.toml", "identity": "registry/identity.toml"}
        if name == "config":
            return (
                "bank-vault/vault.toml" if command == ("batch", "import") else configs.get(command[0], "bank/node.toml")
            )
        if command[0] in ("chain", "sandbox") and name in ("folder", "home"):
            return "lines"  # nothing is founded there
        return {
            **{"deployment": "deployment.json", "trust": "trust.json", "wallet": "wallet", "key": "key.json"},
            **{"url": NOBODY, "chain_url": NOBODY, "api": NOBODY, "vault_chain_url": NOBODY},
            **{"passphrase_file": "passphrase", "vault_passphrase_file": "passphrase", "code_file": "passphrase"},
            **{"offer": ID, "consent": ID, "job": ID, "dataset": "accounts", "consumer": ADDRESS, "parties": ADDRESS},
            **{"columns": "balance", "identifier": "customer", "name": "accounts", "decimals": "balance=2"},
            **{"namespace": "urn:example:person", "matched_by": "balance"},
            **{"purpose": "CreditChecking", "operations": "PSI", "output": "matches", "recipes": "match"},
            **{"file": "contract.txt" if command[0] == "compare" else "accounts.csv", "lines": "lines"},
            **{"entries": "bank/entry.json", "addresses": ADDRESS, "kind": "tdx", "measurement": "ab" * 48},
            **{
                "partner": ADDRESS,
                "service": ADDRESS,
                "role": "seller",
                "fee": "1",
                "token": ADDRESS,
                "host": "localhost",
            },
            **{"until": "90d", "deadline": "1d", "subject": "C1", "from_file": "lines", "codes": "new-codes"},
            **{"register": "registry/register.csv", "reason": "lost", "title": "A title", "data": "directory"},
            **{"timeout": "1", "port": "8999", "wait": "1", "budget": "1"},
        }.get(name, "fresh")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keystore, "SCRYPT_N", 2**12)
        patch.setattr(wallet, "SCRYPT_N", 2**14)
        yield House(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return hostile_files(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_words: object, **_more: object) -> None:
        raise ConfigError("no process is started in this test", expected="none", found="one")

    monkeypatch.setattr(subprocess, "Popen", start)


def words_for(house: House, command: tuple[str, ...], parameters: list[Any], name: str, value: str) -> list[str]:
    """The command with a good value for all that it needs, and this one."""
    words = list(command)
    last = []
    for parameter in parameters:
        if not parameter.required and parameter.name != name:
            continue
        given = value if parameter.name == name else house.value(command, parameter.name)
        if parameter.param_type_name == "argument":
            last.append(given)
        else:
            words.append(f"{parameter.opts[0]}={given}")
    return [*words, "--", *last] if last else words


CASES = [
    (words, parameter)
    for words, command in COMMANDS.items()
    for parameter in command.params
    if words and not getattr(parameter, "is_flag", False) and not getattr(command, "commands", {})
]


def values_of(parameter: Any, files: dict[str, Path]) -> list[str]:
    kind = str(parameter.type_descriptor.annotation)
    if "int" in kind or "float" in kind:
        return [*NUMBERS]
    if "Path" in kind:
        return [str(path) for path in files.values()]
    return [*TEXTS]


def demand_error(result: Any, words: list[str]) -> None:
    """An exit code and words for people; nothing that only a library's author understands."""
    shown = [word if len(word) < 200 else word[:200] + "…" for word in words]
    trace = "".join(traceback.format_exception(result.exception)) if result.exception else ""
    assert result.exception is None or isinstance(result.exception, SystemExit), (shown, trace)
    assert result.exit_code in (0, 1, 2), shown
    assert not result.exit_code or result.output.strip(), shown
    said = result.output
    for word in words:
        said = said.replace(word, "…") if word else said
    assert NO_WORDS.search(said) is None, (shown, said[:2000])


@pytest.mark.parametrize(
    ("number", "command", "parameter"),
    [(number, *case) for number, case in enumerate(CASES)],
    ids=[f"{' '.join(command)}: {parameter.name}" for command, parameter in CASES],
)
def test_no_value_makes_a_traceback(
    house: House, files: dict[str, Path], number: int, command: tuple[str, ...], parameter: Any, request: Any
) -> None:
    values = values_of(parameter, files)
    if not request.config.getoption("--slow"):
        values = [values[7 * number % len(values)]]
    for value in values:
        words = words_for(house, command, COMMANDS[command].params, parameter.name, value)
        demand_error(house.run(*words), words)


@pytest.mark.parametrize(
    ("words", "name", "said"),
    [
        (("job", "start", "--config=bank/node.toml", "--file"), "other.json", "finite numbers"),
        (("audit", "--bundle"), "odd", "no text in UTF-8"),
    ],
)
def test_what_the_sweep_found_stays_mended(
    house: House, files: dict[str, Path], words: tuple[str, ...], name: str, said: str
) -> None:
    *command, option = words
    given = [*command, f"{option}={files[name]}"]
    result = house.run(*given)
    demand_error(result, given)
    assert result.exit_code == 1 and said in result.output
