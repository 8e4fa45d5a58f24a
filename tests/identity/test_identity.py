"""The enrolling service: who gets a signature, who is slowed down, what leaks."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from placet.cli.main import app
from placet.core.ecdsa import recover
from placet.core.eip712 import consent_domain
from placet.core.enrolment import Enrolment, enrolment_hash, subject_commitment
from placet.core.errors import ConfigError, InputError, StorageError
from placet.core.hashing import canonical
from placet.core.requests import Credential, request_hash
from placet.core.signatures import Key, P256Key, Verifiers
from placet.core.values import parse, to_hex
from placet.identity.app import MAX_BODY, create_app
from placet.identity.register import CodeHash, Register, add_persons, new_code, read_register
from placet.identity.service import PATH, Enrolling
from placet.identity.settings import load_settings
from placet.serving.connections import server_options

NAMESPACE = "urn:example:person"
DOMAIN = consent_domain(31337, bytes([2]) * 20)
VERIFIER = bytes([5]) * 20
ODD = 'zoë, née "x"\n of Nowhere'


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class Service:
    def __init__(self, folder: Path, a_day: int = 200) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.file = folder / "register.csv"
        self.codes = add_persons(self.file, ["ada", ODD])
        self.key = Key()
        self.clock = Clock()
        verifiers = Verifiers(frozenset({VERIFIER}))
        enrolling = Enrolling(
            self.key, Register(self.file), NAMESPACE, DOMAIN, verifiers, a_day=a_day, clock=self.clock
        )
        self.app = create_app(enrolling, "Registry", ("https://bank.example",), ("https://page.example",))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://enroller")

    def body(
        self,
        owner: bytes,
        subject: str = "ada",
        code: str | None = None,
        salt: bytes = bytes(32),
        namespace: str = NAMESPACE,
    ) -> bytes:
        given = self.codes[subject] if code is None else code
        person = {"namespace": namespace, "subject": subject, "salt": to_hex(salt), "code": given}
        return canonical({"owner": to_hex(owner)} | person)

    def header(self, key: Any, body: bytes, *, path: str = PATH, lifetime: int = 100) -> str:
        signer = key.signer if isinstance(key, P256Key) else key.address
        nonce, expiry = secrets.token_bytes(32), int(self.clock.now) + lifetime
        signature = key.sign(DOMAIN.digest(request_hash(self.key.address, "POST", path, body, nonce, expiry)))
        return Credential(signer=signer, nonce=nonce, expiry=expiry, signature=signature).header()

    async def post(self, body: bytes, header: str | None) -> httpx.Response:
        return await self.http.post(PATH, content=body, headers={} if header is None else {"Authorization": header})

    async def ask(self, key: Any, subject: str = "ada", code: str | None = None) -> httpx.Response:
        body = self.body(key.signer if isinstance(key, P256Key) else key.address, subject, code)
        return await self.post(body, self.header(key, body))


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    made = Service(tmp_path)
    yield made
    await made.http.aclose()


async def test_a_request_to_another_enroller_is_refused(service: Service, tmp_path: Path) -> None:
    """Who was asked to enrol a key, and saw person and code, can't ask another enroller in the owner's name."""
    other = Service(tmp_path / "other")
    key = Key()
    body = service.body(key.address)
    refused = await service.post(body, other.header(key, body))
    assert (refused.status_code, refused.json()["code"]) == (403, "access.signature")
    assert (await service.post(body, service.header(key, body))).status_code == 200
    await other.http.aclose()


@pytest.mark.parametrize("subject", ["ada", ODD])
@pytest.mark.parametrize("key", [Key(), P256Key(VERIFIER)], ids=["secp256k1", "p256"])
async def test_enrols_the_key_of_a_person_with_the_right_code(service: Service, key: Any, subject: str) -> None:
    answer = await service.ask(key, subject)
    assert answer.status_code == 200
    enrolment = parse(Enrolment, answer.content)
    signer = key.signer if isinstance(key, P256Key) else key.address
    assert enrolment.subject == subject_commitment(subject, bytes(32))
    digest = DOMAIN.digest(enrolment_hash(signer, NAMESPACE, enrolment.subject))
    assert recover(digest, enrolment.signature) == enrolment.enroller == service.key.address


@pytest.mark.parametrize(
    "written",
    [str.upper, lambda c: f"  {c}\r\n", lambda c: c.replace("-", "‑"), lambda c: c.replace("-", " - ").title()],
)
async def test_a_code_is_right_however_it_is_typed(service: Service, written: Callable[[str], str]) -> None:
    assert (await service.ask(Key(), "ada", written(service.codes["ada"]))).status_code == 200
    assert (await service.ask(Key(), "ada", written(service.codes[ODD]))).status_code == 403


def test_a_register_that_windows_saved_is_read(tmp_path: Path) -> None:
    register = tmp_path / "register.csv"
    codes = add_persons(register, ["ada"])
    for encoding in ("utf-8-sig", "utf-16"):
        register.write_bytes(register.read_bytes().decode("utf-8-sig").encode(encoding))
        assert Register(register).code_of("ada").fits(codes["ada"])
        register.write_bytes(register.read_bytes().decode(encoding).encode())


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    content: dict[str, Any] = answer.json()
    assert content["code"] == code
    return content


async def test_wrong_code_and_unknown_person_look_the_same(service: Service) -> None:
    wrong = problem(await service.ask(Key(), "ada", "wrong"), 403, "access.code")
    unknown = problem(await service.ask(Key(), "nobody", "wrong"), 403, "access.code")
    assert wrong == unknown


async def test_the_caller_must_hold_the_key_that_it_enrols(service: Service) -> None:
    mine, other = Key(), Key()
    body = service.body(other.address)
    problem(await service.post(body, service.header(mine, body)), 403, "access.signer")
    problem(await service.post(body, None), 403, "access.unsigned")
    body = service.body(mine.address)
    problem(
        await service.post(service.body(mine.address, salt=bytes([1]) * 32), service.header(mine, body)),
        403,
        "access.signature",
    )
    problem(await service.post(body, service.header(mine, body, path="/v1/other")), 403, "access.signature")
    problem(await service.post(body, service.header(mine, body, lifetime=-1)), 403, "access.stale")
    problem(await service.post(body, service.header(mine, body, lifetime=100_000)), 403, "access.stale")
    header = service.header(mine, body)
    assert (await service.post(body, header)).status_code == 200
    problem(await service.post(body, header), 403, "access.replayed")


async def test_a_right_code_passes_however_many_wrong_ones_came_before(service: Service) -> None:
    """Whoever knows a person's identifier can't lock the person out; not by tries at the same time either."""
    answers = await asyncio.gather(*(service.ask(Key(), "ada", f"guess {n}") for n in range(110)))
    assert {answer.status_code for answer in answers} == {403}
    assert (await service.ask(Key())).status_code == 200
    guesses = asyncio.gather(*(service.ask(Key(), "ada", f"another {n}") for n in range(40)))
    assert (await service.ask(Key())).status_code == 200
    await guesses


async def test_a_day_has_only_so_many_enrolments(tmp_path: Path) -> None:
    service = Service(tmp_path, a_day=3)
    for _ in range(3):
        problem(await service.ask(Key(), "ada", "wrong"), 403, "access.code")
        body = service.body(Key().address)
        problem(await service.post(body, service.header(Key(), body)), 403, "access.signer")
        assert (await service.ask(Key())).status_code == 200
    problem(await service.ask(Key()), 429, "limit")
    service.clock.now += 86_401
    assert (await service.ask(Key())).status_code == 200
    await service.http.aclose()


async def test_a_new_code_replaces_the_old_one_at_once(service: Service) -> None:
    assert (await service.ask(Key())).status_code == 200
    old = service.codes["ada"]
    fresh = add_persons(service.file, ["ada"])["ada"]
    problem(await service.ask(Key(), "ada", old), 403, "access.code")
    assert (await service.ask(Key(), "ada", fresh)).status_code == 200


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "input"),
        (b"{", 400, "input"),
        (b"[]", 400, "input"),
        (b"\xff", 400, "input"),
        (b'{"owner":"0x00"}', 400, "input"),
        (b" " * (MAX_BODY + 1), 413, "limit.size"),
    ],
)
async def test_malformed_bodies_are_refused(service: Service, content: bytes, status: int, code: str) -> None:
    problem(await service.post(content, service.header(Key(), content)), status, code)


async def test_headers_that_are_no_credentials_are_refused(service: Service) -> None:
    body = service.body(Key().address)
    for header in ("Bearer x", "Placet ", "Placet !!!", "Placet e30=", "Placet " + "A" * 20_000):
        answer = await service.post(body, header)
        assert answer.status_code in (400, 403)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_nothing_is_logged_about_persons(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await service.ask(Key(), ODD)
    await service.ask(Key(), ODD, "guess-that-fails")
    seen = caplog.text + json.dumps([r.__dict__ for r in caplog.records], default=str)
    for secret in (ODD, "Nowhere", service.codes[ODD], "guess-that-fails"):
        assert secret not in seen


@pytest.mark.parametrize("namespace", ["urn:example:company", to_hex(bytes(20)) + "/customer"])
async def test_a_person_is_not_enrolled_by_an_identifier_of_another_kind(service: Service, namespace: str) -> None:
    """Whose number this is somewhere else nobody here knows."""
    key = Key()
    body = service.body(key.address, namespace=namespace)
    refused = await service.post(body, service.header(key, body))
    assert (refused.status_code, refused.json()["code"]) == (403, "access.namespace")
    assert (refused.json()["expected"], refused.json()["found"]) == (NAMESPACE, namespace)


async def test_health_names_the_enroller(service: Service) -> None:
    answer = (await service.http.get("/healthz")).json()
    assert answer == {
        "status": "ok",
        "name": "Registry",
        "enroller": to_hex(service.key.address),
        "namespace": NAMESPACE,
    }


def test_the_register_holds_no_code(tmp_path: Path) -> None:
    codes = add_persons(tmp_path / "r.csv", ["a", ODD])
    assert set(read_register(tmp_path / "r.csv")) == {"a", ODD}
    text = (tmp_path / "r.csv").read_text()
    assert all(code not in text for code in codes.values())
    assert (tmp_path / "r.csv").stat().st_mode & 0o077 == 0
    assert len({new_code() for _ in range(50)}) == 50


GOOD = str(CodeHash.of("x"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "person,code\n",
        "subject,code\na\n",
        f"subject,code\n,{GOOD}\n",
        f"subject,code\na,{GOOD}\na,{GOOD}\n",
        "subject,code\na,plain\n",
        f"subject,code\na,{GOOD}$00\n",
        f"subject,code\na,{GOOD.replace('$4096$', '$4097$')}\n",
        f"subject,code\na,{GOOD.replace('$4096$', '$4294967296$')}\n",
        'subject,code\n"a,b\n',
    ],
)
def test_bad_registers_are_refused_without_naming_anybody(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(InputError) as refused:
        Register(tmp_path / "r.csv")
    assert "scrypt$4096" not in str(refused.value)


async def test_a_register_that_cannot_be_read_is_told_by_a_code_and_no_path(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """The service goes on once it is there again, and its operator finds the path in the log."""
    aside = service.file.rename(service.folder / "aside")
    answer = await service.ask(Key())
    found = problem(answer, 503, "config.register")
    assert "found" not in found and str(service.folder) not in answer.text and answer.headers["retry-after"]
    assert str(service.file) in caplog.text
    health = await service.http.get("/healthz")
    assert (health.status_code, health.json()["status"]) == (503, "config.register")
    aside.rename(service.file)
    assert (await service.http.get("/healthz")).json()["status"] == "ok"
    assert (await service.ask(Key())).status_code == 200


@pytest.mark.parametrize(("number", "status", "code"), [(28, 507, "storage.full"), (30, 503, "storage.read-only")])
async def test_a_disk_that_fails_under_the_service_has_the_codes_of_node_and_vault(
    service: Service, monkeypatch: pytest.MonkeyPatch, number: int, status: int, code: str
) -> None:
    def fails(_: Register, subject: str) -> CodeHash:
        raise OSError(number, "no", f"/secret/{subject}")

    monkeypatch.setattr(Register, "code_of", fails)
    answer = await service.ask(Key())
    problem(answer, status, code)
    assert "secret" not in answer.text and answer.headers["retry-after"]


@pytest.mark.parametrize(("number", "code"), [(28, "storage.full"), (30, "storage.read-only")])
def test_a_register_that_cannot_be_written_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    file, codes, persons = tmp_path / "register.csv", tmp_path / "codes.csv", tmp_path / "persons"
    add_persons(file, ["ada"])
    before = file.read_bytes()
    persons.write_text("ada\nbob\n")

    def fails(_: int) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr("placet.identity.register.os.fsync", fails)
    with pytest.raises(StorageError) as caught:
        add_persons(file, ["ada"])
    assert caught.value.code == code
    answer = CliRunner().invoke(app, ["identity", "add", str(file), "--from", str(persons), "--codes", str(codes)])
    assert answer.exit_code == 1
    assert file.read_bytes() == before, "everybody's old code still holds"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["persons", "register.csv", "register.csv.lock"]


def test_a_proxy_that_the_settings_name_speaks_for_many(tmp_path: Path) -> None:
    file = tmp_path / "identity.toml"
    text = 'name = "R"\nport = 8701\nkey = "k"\npassphrase_file = "p"\nregister_file = "r"\ndeployment = "d"\n'
    text += f'namespace = "{NAMESPACE}"\n'
    file.write_text(text)
    options = server_options(load_settings(file).trusted_proxies)
    assert (options["proxy_headers"], options["forwarded_allow_ips"]) == (False, [])
    file.write_text(text + 'trusted_proxies = ["127.0.0.1", "10.20.0.0/16"]\n')
    options = server_options(load_settings(file).trusted_proxies)
    assert (options["proxy_headers"], options["forwarded_allow_ips"]) == (True, ["127.0.0.1/32", "10.20.0.0/16"])
    limits = options["http"].table.limits
    assert [str(network) for network in limits.trusted] == options["forwarded_allow_ips"]
    file.write_text(text + 'trusted_proxies = ["*"]\n')
    with pytest.raises(ConfigError):
        load_settings(file)


def test_a_missing_register_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="identity add"):
        Register(tmp_path / "r.csv")


def test_settings_come_from_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "identity.toml"
    file.write_text(
        'name = "R"\nport = 9000\nkey = "k.json"\npassphrase_file = "/p"\n'
        f'register_file = "r.csv"\ndeployment = "d.json"\nnamespace = "{NAMESPACE}"\n'
    )
    assert load_settings(file).port == 9000
    assert load_settings(file).key == tmp_path / "k.json"
    assert load_settings(file).passphrase_file == Path("/p")
    monkeypatch.setenv("PLACET_IDENTITY_PORT", "9001")
    assert load_settings(file).port == 9001
    file.write_text("name = 3\nunknown = 1")
    with pytest.raises(ConfigError):
        load_settings(file)
    with pytest.raises(ConfigError):
        load_settings(tmp_path / "none.toml")


async def test_pages_of_the_named_institutions_enrol_and_no_others(tmp_path: Path) -> None:
    made = Service(tmp_path / "service")
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    for origin, allowed in (("https://bank.example", True), ("https://bank.example.org", False)):
        preflight = await made.http.options(PATH, headers={"origin": origin} | asked)
        assert preflight.headers.get("access-control-allow-origin") == (origin if allowed else None)
        answer = await made.http.post(PATH, headers={"origin": origin})
        assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)
        assert "access-control-allow-credentials" not in answer.headers
    assert (await made.http.get("/.well-known/webauthn")).json() == {"origins": ["https://page.example"]}
