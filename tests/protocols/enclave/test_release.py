"""Keys leave a party only for a proven enclave and a job that the chain holds open; and open nowhere else."""

from __future__ import annotations

import dataclasses
import hmac
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from placet.core.enclave_policy import ROLES, EnclavePolicy, TpmRule
from placet.core.errors import ChainError, InputError, PlacetError
from placet.core.hashing import document_bytes
from placet.core.masking import SUITE, unmask
from placet.core.plan import key_hash
from placet.protocols.enclave.evidence.binding import Binding
from placet.protocols.enclave.evidence.model import EnclaveEvidence, measurement_id
from placet.protocols.enclave.sealed.keys import Secrets, seal, unseal
from placet.protocols.enclave.sealed.release import ChainStanding, Question, release
from placet.protocols.enclave.sealed.results import TAG, demand_genuine, open_result, seal_result
from placet.protocols.enclave.sealed.sizes import MAX_SEALED
from placet.protocols.enclave.sealed.task import Task, read_task

from .jobs import Job, holds
from .tpm_maker import Quote, Tpm

NOW = 1_800_000_000
ENCLAVE = x25519.X25519PrivateKey.generate()
PUBLIC = ENCLAVE.public_key().public_bytes_raw()
TPM = Tpm()
POLICY = EnclavePolicy(
    max_age=300,
    rules=(TpmRule(kind="tpm", enclave_class="simulated", measurements=(b"\x01" * 32,), keys=(TPM.name,)),),
)
JOB = Job.of(b"1. You may.", b"1. You may not.").under(POLICY)
SIDE = JOB.sides[0]
BINDING = Binding(chain=JOB.task.chain, job=JOB.task.job, key=PUBLIC, nonce=secrets.token_bytes(32), issued=NOW)


def evidence(binding: Binding = BINDING, measurement: bytes = b"\x01" * 32, tpm: Tpm = TPM) -> EnclaveEvidence:
    return EnclaveEvidence(statement=tpm.statement(Quote(extra_data=binding.digest(), measurement=measurement)))


def released(**changes: Any) -> bytes:
    given: dict[str, Any] = {
        "evidence": evidence(),
        "policy": POLICY,
        "binding": BINDING,
        "task": JOB.task,
        "role": "before",
        "document": SIDE.document,
        "secrets": SIDE.secrets,
        "ask": holds,
        "now": lambda: NOW + 1,
    } | changes
    return release(given.pop("evidence"), given.pop("policy"), given.pop("binding"), **given).sealed


def refusal(**changes: Any) -> str:
    with pytest.raises(PlacetError) as caught:
        released(**changes)
    return caught.value.code


def test_the_enclave_opens_what_was_released() -> None:
    sealed = released()
    assert unseal(sealed, ENCLAVE, JOB.task, "before") == SIDE.secrets
    for secret in (SIDE.secrets.document.key, SIDE.secrets.document.salt, SIDE.secrets.release, b"old.txt"):
        assert secret not in sealed
    assert len(sealed) <= MAX_SEALED


def answers(**changes: Any) -> Callable[[Question], ChainStanding]:
    return lambda question: dataclasses.replace(holds(question), **changes)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"job": bytes(32)}, "warrant.not-open"),
        ({"open": False}, "warrant.not-open"),
        ({"open": 1}, "warrant.not-open"),
        ({"task": bytes(32)}, "warrant.task"),
        ({"consents": ("withdrawn", "given")}, "consent.withdrawn"),
        ({"consents": ("given", "withdrawn")}, "consent.withdrawn"),
        ({"consents": ("given", "revoked")}, "consent.revoked"),
        ({"consents": ("given", "expired")}, "consent.expired"),
        ({"consents": ("given", "unknown")}, "consent.unknown"),
        ({"consents": ("given",)}, "consent.unknown"),
        ({"consents": ()}, "consent.unknown"),
        ({"accepted": False}, "attestation.retired"),
        ({"accepted": None}, "attestation.retired"),
        ({"time": NOW + 1 - 301}, "warrant.stale"),
    ],
)
def test_what_the_chain_does_not_hold_gets_no_key(changes: dict[str, Any], code: str) -> None:
    assert refusal(ask=answers(**changes)) == code


def test_a_chain_that_does_not_answer_gives_no_key() -> None:
    def ask(question: Question) -> ChainStanding:
        raise ChainError("unreachable")

    assert refusal(ask=ask) == "chain"


def test_the_chain_is_asked_about_this_very_thing() -> None:
    asked: list[Question] = []
    released(ask=lambda question: (asked.append(question), holds(question))[1])
    [question] = asked
    assert (question.job, question.attempt, question.task) == (JOB.task.job, 1, JOB.task.digest())
    assert question.consents == tuple(one.consent for one in JOB.sides)
    assert question.enclave_class == "simulated"
    assert question.measurement_id == measurement_id("tpm", b"\x01" * 32)


def never(question: Question) -> ChainStanding:
    raise AssertionError("asked the chain about evidence that does not hold")


def test_evidence_that_does_not_hold_gets_no_key() -> None:
    others = BINDING.model_copy(update={"key": x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()})
    for changes, code in (
        ({"evidence": evidence(measurement=b"\x02" * 32)}, "measurement"),
        ({"evidence": evidence(tpm=Tpm())}, "key"),
        ({"evidence": evidence(BINDING.model_copy(update={"nonce": bytes(32)}))}, "binding"),
        ({"evidence": evidence(BINDING.model_copy(update={"job": bytes(32)}))}, "binding"),
        ({"binding": others}, "binding"),
        ({"now": lambda: NOW + 301}, "age"),
    ):
        assert refusal(ask=never, **changes) == f"attestation.{code}"


def test_evidence_that_ages_while_the_chain_answers_gets_no_key() -> None:
    times = iter([NOW + 1, NOW + 301])
    assert refusal(now=lambda: next(times)) == "attestation.age"


def test_a_task_about_something_else_gets_no_key() -> None:
    other = Job.of(b"x", b"y")
    assert refusal(task=other.task, ask=never) == "enclave.task"
    assert refusal(document=JOB.sides[1].document, ask=never) == "enclave.task"
    assert refusal(role="after", ask=never) == "enclave.task"
    assert refusal(policy=POLICY.model_copy(update={"max_age": 86_400}), ask=never) == "enclave.task"
    assert refusal(task=JOB.task.model_copy(update={"chain": 1}), ask=never) == "enclave.task"


def test_a_release_key_that_the_task_does_not_name_is_not_sealed() -> None:
    assert refusal(secrets=dataclasses.replace(SIDE.secrets, release=bytes(32))) == "enclave.release-key"


def test_what_can_not_be_sealed_as_it_is_is_refused() -> None:
    """Cut keys, and a name that no file has; nothing is put in the place of anything."""
    key = dataclasses.replace(SIDE.secrets.document, key=bytes(16), salt=bytes(48))
    for changes in ({"name": "a\udc80"}, {"name": ""}, {"document": key}):
        assert refusal(secrets=dataclasses.replace(SIDE.secrets, **changes)) == "enclave.key"


def changed_tasks() -> list[Task]:
    task = JOB.task
    first = task.inputs[0]
    stolen = task.recipients[0].model_copy(update={"key": PUBLIC})
    inputs = [first.model_copy(update={name: bytes(32)}) for name in ("consent", "document")]
    return [
        *(task.model_copy(update={"inputs": (one, task.inputs[1])}) for one in inputs),
        task.model_copy(update={"recipients": (stolen, task.recipients[1])}),
        task.model_copy(update={"recipients": task.recipients[:1]}),
        task.model_copy(update={"job": bytes(32)}),
        task.model_copy(update={"attempt": 2}),
        task.model_copy(update={"policy": bytes(32)}),
        task.model_copy(update={"chain": 1}),
    ]


@pytest.mark.parametrize("task", changed_tasks())
def test_sealed_keys_open_for_their_own_task_alone(task: Task) -> None:
    with pytest.raises(InputError) as caught:
        unseal(released(), ENCLAVE, task, "before")
    assert caught.value.code == "enclave.key"


def test_sealed_keys_open_for_their_own_key_and_role_alone_and_unaltered() -> None:
    sealed = released()
    bad = [sealed[:-1], sealed + b"\0", b"", bytes(MAX_SEALED + 1)]
    bad += [sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :] for i in range(len(sealed))]
    for one in bad:
        with pytest.raises(InputError):
            unseal(one, ENCLAVE, JOB.task, "before")
    with pytest.raises(InputError):
        unseal(sealed, ENCLAVE, JOB.task, "after")
    with pytest.raises(InputError):
        unseal(sealed, x25519.X25519PrivateKey.generate(), JOB.task, "before")


def test_a_party_that_seals_another_release_key_than_it_named_is_refused_inside() -> None:
    lying = dataclasses.replace(SIDE.secrets, release=bytes(32))
    honest = JOB.task.inputs[0]
    named = JOB.task.model_copy(
        update={"inputs": (honest.model_copy(update={"release": key_hash(bytes(32))}), JOB.task.inputs[1])}
    )
    sealed = seal(lying, PUBLIC, named, "before")
    with pytest.raises(InputError) as caught:
        unseal(sealed, ENCLAVE, JOB.task, "before")
    assert caught.value.code == "enclave.key"


@pytest.mark.parametrize("name", ["", "x" * 1025])
def test_names_are_bounded(name: str) -> None:
    with pytest.raises(InputError):
        seal(dataclasses.replace(SIDE.secrets, name=name), PUBLIC, JOB.task, "before")


def test_a_task_has_one_spelling() -> None:
    data = document_bytes(JOB.task)
    assert read_task(data) == JOB.task
    for bad in (b" " + data, data.replace(b'"attempt":1', b'"attempt":1.0'), data[:-1], b"", bytes(20_000)):
        with pytest.raises(PlacetError):
            read_task(bad)


@pytest.mark.parametrize("same", ["party", "document", "release"])
def test_two_inputs_are_two(same: str) -> None:
    first, second = JOB.task.inputs
    data = JOB.task.to_json() | {"inputs": [first.to_json(), second.to_json() | {same: first.to_json()[same]}]}
    with pytest.raises(ValueError, match=same):
        Task.model_validate(data)


def test_secrets_do_not_show() -> None:
    shown = repr(SIDE.secrets) + repr(Secrets)
    assert SIDE.secrets.release.hex() not in shown and str(SIDE.secrets.release) not in shown
    assert ROLES == ("before", "after")


def test_hpke_is_the_standards() -> None:
    """RFC 9180, A.2.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, base mode."""
    secret = x25519.X25519PrivateKey.from_private_bytes(
        bytes.fromhex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb")
    )
    enc = bytes.fromhex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a")
    key = bytes.fromhex("ad2744de8e17f4ebba575b3f5f5a8fa1f69c2a07f6e7500bc60ca6e3e3ec1c91")
    nonce = bytes.fromhex("5c4d98150661b848853b547f")
    sealed = bytes.fromhex("1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28")
    info, plain, aad = b"Ode on a Grecian Urn", b"Beauty is truth, truth beauty", b"Count-0"
    assert (
        secret.public_key().public_bytes_raw().hex()
        == "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a"
    )
    assert openssl.hpke._decrypt_with_aad(SUITE, enc + sealed, secret, info, aad) == plain
    # The public interface has no associated data: the same key and nonce of the RFC, without any.
    assert ChaCha20Poly1305(key).encrypt(nonce, plain, aad) == sealed
    assert SUITE.decrypt(enc + ChaCha20Poly1305(key).encrypt(nonce, plain, b""), secret, info=info) == plain


def test_a_result_is_held_back_by_all_keys_together() -> None:
    keys = [one.secrets.release for one in JOB.sides]
    secret = SIDE.key.private_bytes_raw()
    recipient = JOB.task.recipients[0]
    masked = seal_result(
        b"result", keys, enclave=PUBLIC, task=JOB.task, recipient=recipient, document=JOB.sides[0].secrets.document
    )
    assert JOB.open(masked, 0, PUBLIC) == b"result"
    # As documented, by hand.
    info = b"placet.joint/1" + JOB.task.job + bytes([0, 0, 0, 1]) + bytes(4) + PUBLIC
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(b"".join(keys))
    assert unmask(masked[:-TAG], key=derived, secret=secret, job=JOB.task.job, attempt=1, party=0) == b"result"

    def opened(**changes: Any) -> bytes:
        given: dict[str, Any] = {"enclave": PUBLIC, "secret": secret, "task": JOB.task, "party": 0} | changes
        return open_result(given.pop("masked", masked), given.pop("keys", keys), **given)

    assert opened() == b"result"
    for changes in (
        {"keys": keys[:1]},
        {"keys": keys[::-1]},
        {"keys": [*keys, keys[0]]},
        {"keys": [keys[0], bytes(32)]},
        {"enclave": bytes(32)},
        {"secret": JOB.sides[1].key.private_bytes_raw()},
        {"task": JOB.task.model_copy(update={"attempt": 2})},
        {"party": 1},
        {"masked": masked[: -TAG - 1] + bytes([masked[-TAG - 1] ^ 1]) + masked[-TAG:]},
        {"masked": b""},
    ):
        with pytest.raises(InputError):
            opened(**changes)


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_a_recipient_knows_the_enclaves_result_before_it_opens() -> None:
    """Whoever carries it can change no byte, give another enclave's, another task's, or the other company's."""
    keys = [one.secrets.release for one in JOB.sides]
    mine, theirs = (one.secrets.document for one in JOB.sides)
    sealed = seal_result(
        b"result", keys, enclave=PUBLIC, task=JOB.task, recipient=JOB.task.recipients[0], document=mine
    )
    demand_genuine(sealed, enclave=PUBLIC, task=JOB.task, document=mine)
    tag = hmac.new(mine.key, b"placet.result/1" + JOB.task.digest() + PUBLIC + sealed[:-TAG], "sha256").digest()
    assert sealed[-TAG:] == tag
    other = JOB.task.model_copy(update={"attempt": 2})
    for changed, enclave, task, key in (
        *((_flipped(sealed, at), PUBLIC, JOB.task, mine) for at in range(len(sealed))),
        (sealed, bytes(32), JOB.task, mine),
        (sealed, PUBLIC, other, mine),
        (sealed, PUBLIC, JOB.task, theirs),
        (sealed[:-1], PUBLIC, JOB.task, mine),
        (b"", PUBLIC, JOB.task, mine),
    ):
        with pytest.raises(InputError) as caught:
            demand_genuine(changed, enclave=enclave, task=task, document=key)
        assert caught.value.code == "enclave.result"


def test_two_enclaves_of_one_task_never_mask_under_one_key() -> None:
    """GCM with a fixed nonce must not see a key twice."""
    keys, recipient = [one.secrets.release for one in JOB.sides], JOB.task.recipients[0]
    other = x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()
    [first, second] = [
        seal_result(
            b"result", keys, enclave=one, task=JOB.task, recipient=recipient, document=JOB.sides[0].secrets.document
        )
        for one in (PUBLIC, other)
    ]
    for masked, wrong in ((first, other), (second, PUBLIC)):
        with pytest.raises(InputError):
            JOB.open(masked, 0, wrong)
    assert JOB.open(first, 0, PUBLIC) == JOB.open(second, 0, other) == b"result"
