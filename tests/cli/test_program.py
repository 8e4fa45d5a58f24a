"""The program itself: what it says, what it takes, what it leaves on disk, how quickly it starts."""

from __future__ import annotations

import json
import re
import shlex
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from placet.chain.local import free_port
from placet.cli.certificates import fingerprint, key_fingerprint, make
from placet.cli.enclave import KindName, Measured
from placet.cli.inputs import read_span
from placet.cli.main import app
from placet.core.enclave_policy import SIZE_OF, Kind
from placet.core.errors import ConfigError, InputError
from placet.core.hashing import sha256
from placet.core.values import to_hex

from .conftest import PASSPHRASE, call, passphrase_file, succeed

DOCS = Path(__file__).resolve().parents[2] / "docs"


def tree(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from tree(inner, (*words, name))


COMMANDS = dict(tree(typer.main.get_command(app)))


def test_every_command_has_help() -> None:
    for words, command in COMMANDS.items():
        assert command.help, words
        for parameter in command.params:
            assert getattr(parameter, "help", "--help"), (words, parameter.name)


def test_no_option_takes_a_secret() -> None:
    for words, command in COMMANDS.items():
        for parameter in command.params:
            secretive = re.search("passphrase|password|secret|credential|code", parameter.name or "")
            assert not secretive or "file" in (parameter.name or "") or parameter.name == "codes", (
                words,
                parameter.name,
            )
            assert parameter.name != "codes" or "file" in parameter.help.lower()


def commands_in(document: Path) -> list[list[str]]:
    """All `placet …` command lines in a document's code blocks: continued lines joined, `$(…)` by itself."""
    blocks = re.findall(r"^```(?:sh|ini)\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)
    lines = [
        line for block in blocks for line in block.replace("\\\n", " ").replace("$(placet", "\nplacet").splitlines()
    ]
    found = [re.search(r"(?:^|[\s/(=])placet(\s.*)$", line.split(" #")[0]) for line in lines]
    return [shlex.split(match[1].split(" > ")[0].split(" | ")[0].rstrip(") &")) for match in found if match]


def test_commands_in_the_documents_exist_with_these_options() -> None:
    seen = 0
    for document in (*DOCS.rglob("*.md"), DOCS.parent / "README.md"):
        for line in commands_in(document):
            words: tuple[str, ...] = ()
            while len(words) < len(line) and (*words, line[len(words)]) in COMMANDS:
                words = (*words, line[len(words)])
            known = {option for parameter in COMMANDS[words].params for option in parameter.opts}
            known |= {"--help"} | ({"--version"} if words == () else set())
            assert words or line == ["--version"], f"{document.name}: placet {shlex.join(line)}"
            used = {word.split("=")[0] for word in line if word.startswith("--")}
            assert used <= known, f"{document.name}: placet {shlex.join(line)}"
            seen += 1
    assert seen >= 15


def test_every_command_is_in_a_how_to() -> None:
    text = "".join(page.read_text() for page in sorted((DOCS / "how-to").glob("*.md")))
    for words, command in COMMANDS.items():
        if words and not getattr(command, "commands", {}):
            assert f"placet {' '.join(words)}" in text, words


HELP = """
import sys
from typer.testing import CliRunner
from placet.cli.main import app, tree

def told(*words):
    assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0
    return {one for one in sys.modules if one.startswith("placet.cli.") or one in HEAVY}

HEAVY = set(sys.argv[1].split())
shown = told()
assert shown <= {"placet.cli.main", "placet.cli.lazy", "placet.cli.output"}, shown
for name in tree().commands:
    heavy = told(name) & HEAVY
    assert not heavy, (name, heavy)
"""


def test_no_help_loads_a_heavy_library() -> None:
    """The program's own help loads no command at all; a command's, no library that it works with."""
    heavy = "web3 eth_account eth_keyfile fastapi uvicorn sqlalchemy pyarrow numpy httpx cryptography rich.table jinja2"
    done = subprocess.run([sys.executable, "-c", HELP, heavy], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_help_says_of_each_command_what_it_says_itself() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for name, entry in commands.entries.items():
        assert " ".join(commands[name].help.split()).startswith(entry.help), name
    shown = succeed("--help").out
    assert [line.split()[0] for line in shown.partition("Commands:")[2].splitlines() if line[2:3].strip()] == list(
        commands
    )
    assert "Did you mean" in call("audti").err


def test_version_and_exit_codes(tmp_path: Path) -> None:
    assert succeed("--version").out.startswith("placet ")
    assert call("nonsense").code == 2
    assert call("deploy", "--url", "http://127.0.0.1:1").code == 2
    assert call("audit").code == 2
    refused = call("doctor", "--config", tmp_path / "none.toml", "--json")
    assert (refused.code, refused.json[0]["state"]) == (1, "wrong")
    refused = call("trust", "check", tmp_path / "none.json")
    assert refused.code == 1
    assert refused.err.splitlines()[0] == "error: the trust list can't be read"
    assert "found:" in refused.err


def test_the_local_chain_goes_up_and_down(tmp_path: Path) -> None:
    port = free_port()
    try:
        up = succeed("chain", "up", "--folder", tmp_path / "c", "--port", port, "--block-time", 0.5, "--json").json
        assert (up["running"], up["url"]) == (True, f"http://127.0.0.1:{port}")
        assert succeed("chain", "status", "--folder", tmp_path / "c", "--json").json["pid"] == up["pid"]
        out = tmp_path / "deployment.json"
        assert "give either" in call("deploy", "--url", up["url"], "--out", out).err
        succeed("deploy", "--url", up["url"], "--out", out, "--local-key")
        assert json.loads(out.read_text())["chain_id"] == 31337
        assert "exists already" in call("deploy", "--url", up["url"], "--out", out, "--local-key").err
    finally:
        down = succeed("chain", "down", "--folder", tmp_path / "c", "--json").json
    assert down["running"] is False


def test_the_development_key_serves_no_other_chain(tmp_path: Path) -> None:
    port = free_port()
    try:
        up = succeed("chain", "up", "--folder", tmp_path, "--port", port, "--chain-id", 4242, "--json").json
        refused = call("deploy", "--url", up["url"], "--out", tmp_path / "d.json", "--local-key")
        assert (refused.code, "local chain only" in refused.err) == (1, True)
        assert not (tmp_path / "d.json").exists()
    finally:
        succeed("chain", "down", "--folder", tmp_path)


def test_init_leaves_secrets_closed_and_nothing_half_made(tmp_path: Path) -> None:
    words = ["init", "bank", "--name", 'Bank "A"', "--chain-url", "http://127.0.0.1:1", "--deployment", "d.json"]
    words += ["--trust", "t.json", "--passphrase-file", "passphrase"]
    missing = call(*words, cwd=tmp_path)
    assert (missing.code, sorted(p.name for p in tmp_path.iterdir())) == (1, [])
    passphrase_file(tmp_path)
    entry = succeed(*words, cwd=tmp_path).json
    assert json.loads((tmp_path / "bank" / "entry.json").read_text()) == entry
    assert entry["name"] == 'Bank "A"'
    public = {"entry.json", "tls.crt"}
    for path in (*(tmp_path / "bank").rglob("*"), *(tmp_path / "bank-vault").rglob("*"), tmp_path / "bank"):
        if path.name not in public:
            assert path.stat().st_mode & 0o077 == 0, path
    again = call(*words, cwd=tmp_path)
    assert "exists already" in again.err
    from placet.node.config import NodeSettings
    from placet.vault.config import VaultSettings

    node = NodeSettings.load(tmp_path / "bank" / "node.toml")
    vault = VaultSettings.load(tmp_path / "bank-vault" / "vault.toml")
    assert node.institution.address == vault.institution
    assert node.vault_socket == vault.socket_path
    listed = succeed("trust", "add", "trust.json", "bank/entry.json", cwd=tmp_path)
    assert "1 institutions" in listed.err
    changed = {**entry, "name": "Another"}
    (tmp_path / "changed.json").write_text(json.dumps(changed))
    assert "names this address already" in call("trust", "add", "trust.json", "changed.json", cwd=tmp_path).err
    succeed("trust", "add", "trust.json", "changed.json", "--replace", cwd=tmp_path)
    rows = succeed("trust", "check", "trust.json", "--json", cwd=tmp_path).json
    assert [(row["kind"], row["name"]) for row in rows] == [("institution", "Another")]


def test_an_auditors_entry_is_made_and_never_taken_for_an_enrollers(tmp_path: Path) -> None:
    opener = ("--passphrase-file", passphrase_file(tmp_path))
    address = succeed("key", "new", "auditor.key", *opener, cwd=tmp_path).out.strip()
    words = ("trust", "auditor", "auditor.json", "--name", "Court of Auditors", "--key", "auditor.key", *opener)
    entry = succeed(*words, cwd=tmp_path).json
    assert entry == json.loads((tmp_path / "auditor.json").read_text())
    key = succeed("key", "show", "auditor.key", "--noise", *opener, cwd=tmp_path).out.strip()
    assert entry == {"address": address, "name": "Court of Auditors", "key": key}
    assert "exists" in call(*words, cwd=tmp_path).err

    refused = call("trust", "add", "trust.json", "auditor.json", cwd=tmp_path)
    assert refused.code == 1 and "--kind auditors" in refused.err
    assert not (tmp_path / "trust.json").exists()
    succeed("trust", "add", "trust.json", "auditor.json", "--kind", "auditors", cwd=tmp_path)
    rows = succeed("trust", "check", "trust.json", "--json", cwd=tmp_path).json
    assert [(row["kind"], row["name"], row["address"]) for row in rows] == [("auditor", entry["name"], address)]


def test_an_enrollers_entry_says_under_which_kinds_of_identifiers_it_enrols(tmp_path: Path) -> None:
    (tmp_path / "deployment.json").write_text("{}")
    opener = ("--passphrase-file", passphrase_file(tmp_path), "--deployment", "deployment.json")
    words = ("identity", "init", "registry", "--name", "Registry", "--namespace", "urn:example:person", *opener)
    entry = succeed(*words, cwd=tmp_path).json
    assert entry["namespaces"] == ["urn:example:person"]
    succeed("trust", "add", "trust.json", "registry/entry.json", cwd=tmp_path)
    [row] = succeed("trust", "check", "trust.json", "--json", cwd=tmp_path).json
    assert (row["kind"], row["namespaces"]) == ("enroller", ["urn:example:person"])
    assert "urn:example:person" in succeed("trust", "check", "trust.json", cwd=tmp_path, COLUMNS="200").out
    for namespaces in (None, [], ["person"]):
        changed = {name: value for name, value in entry.items() if name != "namespaces"}
        given = {} if namespaces is None else {"namespaces": namespaces}
        (tmp_path / "changed.json").write_text(json.dumps(changed | given))
        refused = call("trust", "add", "other.json", "changed.json", "--kind", "enrollers", cwd=tmp_path)
        assert refused.code == 1 and "namespaces" in refused.err
    assert not (tmp_path / "other.json").exists()


def test_many_persons_are_added_at_once(tmp_path: Path) -> None:
    (tmp_path / "persons").write_text("C1\nC2\n")
    words = ["identity", "add", "register.csv", "--from", "persons", "--codes", "codes.csv"]
    succeed(*words, cwd=tmp_path)
    assert [line.split(",")[0] for line in (tmp_path / "codes.csv").read_text().splitlines()] == ["subject", "C1", "C2"]
    assert (tmp_path / "codes.csv").stat().st_mode & 0o077 == 0
    assert "exists already" in call(*words, cwd=tmp_path).err
    assert call("identity", "add", "register.csv", cwd=tmp_path).code == 2


def test_a_passphrase_comes_from_file_or_environment_or_not_at_all(tmp_path: Path) -> None:
    assert "no passphrase" in call("key", "new", tmp_path / "a.json").err
    made = succeed("key", "new", tmp_path / "a.json", PLACET_PASSPHRASE=PASSPHRASE).out
    file = passphrase_file(tmp_path)
    assert succeed("key", "show", tmp_path / "a.json", "--passphrase-file", file).out == made
    file.chmod(0o644)
    assert "open to others" in call("key", "show", tmp_path / "a.json", "--passphrase-file", file).err
    assert "does not open" in call("key", "show", tmp_path / "a.json", PLACET_PASSPHRASE="wrong").err


def test_certificates_serve_mutual_tls(tmp_path: Path) -> None:
    pairs = {name: make(name, ["localhost", "127.0.0.1"], PASSPHRASE) for name in ("server", "client")}
    for name, (key, certificate) in pairs.items():
        (tmp_path / f"{name}.key").write_bytes(key)
        (tmp_path / f"{name}.crt").write_bytes(certificate)

    def context(side: int, own: str, other: str) -> ssl.SSLContext:
        made = ssl.SSLContext(side)
        made.verify_mode = ssl.CERT_REQUIRED
        made.verify_flags |= ssl.VERIFY_X509_STRICT
        made.minimum_version = ssl.TLSVersion.TLSv1_3
        made.load_cert_chain(tmp_path / f"{own}.crt", tmp_path / f"{own}.key", PASSPHRASE)
        made.load_verify_locations(tmp_path / f"{other}.crt")
        return made

    with socket.create_server(("127.0.0.1", 0)) as listener:
        seen: list[bytes | None] = []

        def serve() -> None:
            raw, _ = listener.accept()
            with context(ssl.PROTOCOL_TLS_SERVER, "server", "client").wrap_socket(raw, server_side=True) as peer:
                seen.append(peer.getpeercert(binary_form=True))
                peer.sendall(b"x")

        thread = threading.Thread(target=serve)
        thread.start()
        client = context(ssl.PROTOCOL_TLS_CLIENT, "client", "server")
        with (
            socket.create_connection(listener.getsockname(), timeout=60) as raw,
            client.wrap_socket(raw, server_hostname="localhost") as peer,
        ):
            assert peer.recv(1) == b"x"
        thread.join(60)
    assert seen[0] is not None
    shown = x509.load_der_x509_certificate(seen[0]).public_key()
    spki = shown.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key, certificate = pairs["client"]
    assert sha256(spki) == fingerprint(certificate.decode()) == key_fingerprint(key, PASSPHRASE)
    with pytest.raises(ConfigError):
        key_fingerprint(key, "wrong")


def test_spans_of_time() -> None:
    assert [read_span(text) for text in ("10s", "2h", "90d")] == [10, 7200, 7_776_000]
    for wrong in ("", "d", "1", "-1d", "1.5d", "٣d", "1w", "99999999999d"):
        with pytest.raises(InputError):
            read_span(wrong)


def test_a_measurements_id_and_class_follow_from_its_kind() -> None:
    vectors = json.loads((DOCS.parent / "tests" / "vectors" / "enclave.json").read_text())["measurements"]
    assert {one["kind"] for one in vectors} == set(KindName) == set(get_args(Kind)) == set(SIZE_OF)
    for one in vectors:
        found = Measured.of(KindName(one["kind"]), one["measurement"])
        assert to_hex(found.id) == one["id"]
        assert found.enclave_class.name.lower() == ("simulated" if one["kind"] == "tpm" else "hardware")
        for wrong in (one["measurement"][:-2], one["measurement"] + "00", one["measurement"][2:], one["kind"]):
            with pytest.raises(InputError):
                Measured.of(KindName(one["kind"]), wrong)


def test_an_id_or_an_unknown_kind_is_not_accepted(tmp_path: Path) -> None:
    for words in (("0x" + "ab" * 32,), ("sev", "0x" + "ab" * 32), ("hardware", "0x" + "ab" * 32)):
        answer = call("enclave", "accept", *words, "--config", tmp_path / "node.toml")
        assert answer.code == 2, answer.err
