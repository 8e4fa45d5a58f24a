"""The verifier as a browser has it: the same answers as here, and *incomplete* where it can't check."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import coincurve
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from malicious import CORPUS
from simulator import Simulation, h
from test_erased import erase
from test_honest import JOBS
from test_sections import moved

from in_a_browser import built, judged
from placet.audit import browser
from placet.audit.bundle import Bundle, bundle_pieces
from placet.audit.case import Case
from placet.audit.findings import CheckStatus, Uncheckable
from placet.audit.outcome import AuditReport, Basis, Verdict
from placet.audit.report import html
from placet.audit.sections import Sections
from placet.audit.verify import CHECKS, verify
from placet.core.ecdsa import P256_N, SECP256K1_N, p256_valid
from placet.core.hashing import keccak, sha256
from placet.core.signatures import Key, P256Key
from placet.core.values import to_hex
from placet.pages.verifier import archive

SERVERS = {
    *("web3", "eth_account", "eth_abi", "aiohttp", "websockets", "httpx", "requests", "urllib3", "placet.chain.rpc"),
    *("fastapi", "starlette", "uvicorn", "sqlalchemy", "alembic", "pydantic_settings", "jinja2", "numpy", "pandas"),
}
"""What nobody needs who has a bundle in a file: neither a browser, nor `placet audit`."""
LEFT_ALONE = {
    *SERVERS,
    *("pyarrow", "typer", "rich", "cryptography.x509", "cryptography.hazmat.primitives.hpke", "placet.core.masking"),
}
"""What the verifier of a job without an enclave has no use for."""
JUDGED = """
import sys, placet.audit.verify, placet.audit.browser
print(*sys.modules)
from placet.cli.confined import AuditRequest, judge_here
print(judge_here(AuditRequest(file=sys.argv[1]), lambda size: None).verdict.value)
print(*sys.modules)
"""


def own(bundle: Bundle) -> tuple[bytes, bytes, bytes]:
    return tuple(one.model_dump_json().encode() for one in (bundle, bundle.deployment, bundle.trust))  # type: ignore[return-value]


def report_on(bundle: Bundle) -> AuditReport:
    judgement, _ = browser.judge(*own(bundle))
    assert judgement.report is not None, judgement.failure
    return judgement.report


def test_the_verifier_imports_neither_network_nor_database_nor_ciphers(tmp_path: Path) -> None:
    """Neither when it is imported, nor when `placet audit` has judged a saved bundle in its process."""
    file = tmp_path / "job.bundle"
    file.write_text(Simulation().bundle().model_dump_json())
    command = [sys.executable, "-c", JUDGED, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    imported, verdict, later = (set(line.split()) for line in done.stdout.splitlines())
    assert "placet.audit.verify" in imported
    assert imported & LEFT_ALONE == set()
    assert verdict == {"incomplete"}, "by the bundle's own word"
    assert later & SERVERS == set()
    with zipfile.ZipFile(io.BytesIO(archive())) as packed:
        names = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in packed.namelist()}
    assert {name for name in imported if name.partition(".")[0] == "placet"} <= names  # so a browser has them all


def test_it_says_what_the_program_says_and_caps_what_nobody_compared() -> None:
    bundle = Simulation().bundle()
    assert report_on(bundle) == verify(bundle)
    raw, deployment, trust = own(bundle)
    for files in ((None, None), (deployment, None), (None, trust)):
        judgement, _ = browser.judge(raw, *files)
        assert judgement.report is not None
        assert (judgement.report.verdict, judgement.report.basis) == (Verdict.INCOMPLETE, Basis.BUNDLE)
    other = Simulation(people=2).deployment.model_copy(update={"chain_id": 5}).model_dump_json().encode()
    judgement, _ = browser.judge(raw, other, trust)
    assert judgement.report is None and judgement.failure is not None
    assert "other contracts" in judgement.failure.message


@pytest.mark.parametrize("raw", [b"", b"nonsense", b"{}", b'{"type": "placet.bundle"}', b"\xff\xfe", b"[" * 100_000])
def test_nonsense_is_an_error_and_no_verdict(raw: bytes) -> None:
    judgement, _ = browser.judge(raw, None, None)
    assert judgement.report is None and judgement.failure is not None
    assert judgement.failure.code.startswith("input")


def test_what_follows_the_bundle_and_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    raw, deployment, trust = own(Simulation().bundle())
    judgement, _ = browser.judge(raw + b"\nmore", deployment, trust)
    assert judgement.failure is not None and "follows" in judgement.failure.message
    monkeypatch.setattr(browser, "MAX_FILE", len(raw) - 1)
    judgement, _ = browser.judge(raw, deployment, trust)
    assert judgement.failure is not None and judgement.failure.code == "limit"


def test_a_number_is_the_jobs_or_that_of_a_consent_used_in_it() -> None:
    simulation = Simulation()
    files = own(simulation.bundle())
    consents = [person.consent.id for person in simulation.people[0]]
    asked = [simulation.job, *consents[:2], bytes(32)]
    assert [browser.judge(*files, one)[1] for one in asked] == ["job", "consent", "consent", "absent"]


def test_sections_are_incomplete_and_the_rest_is_judged() -> None:
    bundle, sections = Simulation().bundle(), Sections()
    other = moved(bundle, sections)
    raw = b"".join(bundle_pieces(other, sections))
    _, deployment, trust = own(other)
    judgement, _ = browser.judge(raw, deployment, trust)
    report = judgement.report
    assert report is not None, judgement.failure
    assert report.verdict is Verdict.INCOMPLETE
    lacking = {one.name for one in report.results if one.incomplete}
    assert {"consent.signatures", "consent.roots", "withdrawal.none-opened"} & lacking, lacking
    assert all("not checked in a browser" in (one.reason or "") for one in report.results if one.incomplete)
    assert all(one.status is not CheckStatus.FAILED for one in report.results)
    whole = {one.name: one.status for one in verify(bundle).results}
    assert all(one.status is whole[one.name] for one in report.results if not one.incomplete)
    assert [one.people for one in report.parties] == [one.people for one in verify(bundle).parties]


def test_a_tampered_bundle_with_sections_is_called_tampered() -> None:
    lie = CORPUS["a_step_changed_after_it_was_recorded"]
    bundle, sections = lie.bundle, Sections()
    raw = b"".join(bundle_pieces(moved(bundle, sections), sections))
    _, deployment, trust = own(bundle)
    judgement, _ = browser.judge(raw, deployment, trust)
    assert judgement.report is not None
    assert (judgement.report.verdict, judgement.report.named) == (Verdict.TAMPERED, lie.culprits)


def test_a_check_that_can_not_be_made_is_incomplete_unless_it_had_failed_already() -> None:
    def refuse(case: Any, tell: Any) -> None:
        tell.looked += 1
        raise Uncheckable("x509 is not there in a browser")

    def fail_first(case: Any, tell: Any) -> None:
        tell.fail("this", "that")
        refuse(case, tell)

    case, one = Case(Simulation(people=2).bundle()), CHECKS[0]
    result = dataclasses.replace(one, run=refuse).result(case)
    assert (result.status, result.incomplete) == (CheckStatus.SKIPPED, True)
    assert result.reason == "x509 is not there in a browser"
    assert dataclasses.replace(one, run=fail_first).result(case).status is CheckStatus.FAILED


def test_the_drawn_report_holds_the_same_words_as_the_page_and_no_markup_of_a_bundle() -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    bundle = Simulation().bundle()
    named = bundle.trust.institutions[0].model_copy(update={"name": evil[:60]})
    trust = bundle.trust.model_copy(update={"institutions": (named, *bundle.trust.institutions[1:])})
    report = verify(bundle.model_copy(update={"trust": trust}))
    tags: set[str] = set()
    words: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, str):
            words.append(node)
            return
        name, attributes, children = node
        tags.add(name)
        assert not [key for key in attributes if key.startswith("on") or key in ("style", "href", "src")]
        for child in children:
            walk(child)

    walk(json.loads(json.dumps(browser.drawn(report))))
    assert not tags & {"script", "img", "style", "a", "iframe", "object", "h1", "main"}
    assert any("<script>" in text for text in words)  # as text
    assert report.headline in words and to_hex(report.job) in words


def _recovered(signature: bytes, digest: bytes) -> str | None:
    try:
        return coincurve.PublicKey.from_signature_and_message(signature, digest, hasher=None).format(False).hex()
    except Exception:
        return None


def test_the_stand_ins_of_curves_and_hash_answer_as_the_libraries(tmp_path: Path) -> None:
    order, half = SECP256K1_N.to_bytes(32, "big"), (P256_N // 2).to_bytes(32, "big")
    digests = [sha256(b"digest"), bytes(32), b"\xff" * 32]
    cases: list[tuple[str, ...]] = []
    answers: list[Any] = []
    for digest in digests:
        own = h("signer")
        signature = Key(own).sign(digest)
        sound = signature[:64] + bytes([signature[64] - 27])
        forms = [
            sound,
            sound[:64] + bytes([sound[64] ^ 1]),
            bytes(32) + sound[32:],
            sound[:32] + bytes(32) + sound[64:],
        ]
        forms += [
            order + sound[32:],
            sound[:32] + order + sound[64:],
            b"\xff" * 64 + b"\0",
            sound[:40] + b"\1" + sound[41:],
            _of_infinity(digest),
            sound[:32] + (SECP256K1_N - int.from_bytes(sound[32:64], "big")).to_bytes(32, "big") + sound[64:],
            *(sound[:64] + bytes([turned]) for turned in (2, 3)),
        ]
        for one in forms:
            cases.append(("recover", one.hex(), digest.hex()))
            answers.append(_recovered(one, digest))
        raw = P256Key(bytes(20), ec.derive_private_key(7, ec.SECP256R1()))
        point, rs = raw.signer[20:], raw.sign(digest)
        for key, one in [
            *((point, rs), (bytes(64), rs), (point[:63] + bytes([point[63] ^ 1]), rs), (b"\xff" * 64, rs)),
            *((point, rs[:63] + bytes([rs[63] ^ 1])), (point, rs[:32] + half), (point, half + rs[32:])),
            (point[32:] + point[:32], rs),
        ]:
            cases.append(("verifyP256", one.hex(), digest.hex(), key.hex()))
            answers.append(p256_valid(key, digest, one))
    for size in (0, 1, 135, 136, 137, 1000):
        cases.append(("keccak", bytes(range(256))[:size].ljust(size, b"x").hex()))
        answers.append(keccak(bytes.fromhex(cases[-1][1])).hex())
    command = built(tmp_path, "curves")
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(done.stdout) == answers
    assert True in answers and False in answers and None in answers


def _of_infinity(digest: bytes) -> bytes:
    """A signature out of which the point at infinity would be recovered: s R = e G."""
    point = coincurve.PrivateKey(bytes(31) + b"\5").public_key.format(compressed=False)
    s = int.from_bytes(digest, "big") * pow(5, -1, SECP256K1_N) % SECP256K1_N
    return point[1:33] + s.to_bytes(32, "big") + bytes([point[64] & 1])


WORLDS: dict[str, Any] = {
    **{name: (lambda job=job: Simulation(**job).bundle()) for name, job in JOBS.items()},
    "erased": lambda: erase(Simulation(), 1, 3, kind="withdrawn"),
    "half erased": lambda: erase(Simulation(), 2, kind=None),
    **{name: (lambda lie=lie: lie.bundle) for name, lie in CORPUS.items()},
}


@pytest.mark.slow
def test_under_webassembly_every_world_of_the_simulator_is_judged_as_here(tmp_path: Path) -> None:
    bundles = {name: make() for name, make in WORLDS.items()}
    answers = judged(tmp_path, [(bundle, True) for bundle in bundles.values()])
    assert len(answers) == len(bundles) > 80
    for (name, bundle), answer in zip(bundles.items(), answers, strict=True):
        here, _ = browser.judge(*own(bundle))
        assert answer["judgement"] == here.to_json(), name
        if here.report is not None:
            assert answer["html"] == html(here.report), name


@pytest.mark.slow
def test_under_webassembly_nonsense_sections_and_strangers_files_end_as_here(tmp_path: Path) -> None:
    bundle, sections = Simulation().bundle(), Sections()
    shown = moved(bundle, sections)
    raws = [b"", b"nonsense", b"{}", b"".join(bundle_pieces(shown, sections)), bundle.model_dump_json().encode()]
    answers = judged(tmp_path, [(raw, False) for raw in raws])
    for raw, answer in zip(raws, answers, strict=True):
        assert answer["judgement"] == browser.judge(raw, None, None)[0].to_json()
