"""A batch file as it is checked and taken in: every kind of bad line, interruptions, changes, all or nothing."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from click.testing import Result
from cryptography.hazmat.primitives.asymmetric import utils
from typer.testing import CliRunner

from placet.cli.main import app
from placet.core.addresses import checksummed
from placet.core.batch_check import RowCheck, check_rows
from placet.core.batch_file import BatchRow
from placet.core.consent import ConsentFields
from placet.core.ecdsa import P256_N, SECP256K1_N
from placet.core.enrolment_batch import Enrolments, checked, signed
from placet.core.errors import InputError, NotFoundError, PlacetError, StateError
from placet.core.leaves import decode_leaves
from placet.core.merkle import batch_root
from placet.core.signature_forms import read as read_signature
from placet.core.signatures import Key, P256Key
from placet.vault.admission import Submission
from placet.vault.batch_making import make_batch
from placet.vault.batches import BatchCheck, BatchReader, Progress
from placet.vault.consent_table import read_consents
from placet.vault.database import BATCHES, CONSENTS
from placet.vault.server import alone

from ..passkeys import Passkey
from .batch_files import GROUP, at_once, file_of, header_of, made, relying, write


def check_of(environment) -> RowCheck:
    deployment = environment.deployment
    return RowCheck(environment.offer, environment.scope, deployment.consents, deployment.verifiers, environment.trust)


def run(environment, path: Path, progress: Progress | None = None) -> Progress:
    with path.open("rb") as file:
        reader = BatchReader(file)
        with BatchCheck(reader, environment.deployment, environment.trust, 1) as check:
            return [chunk.progress for chunk in check.run(progress)][-1]


def p256_owner(environment) -> P256Key:
    key = P256Key(environment.deployment.p256_verifier.address)
    key.address = key.signer  # type: ignore[attr-defined]
    return key


def passkey_owner(environment) -> Passkey:
    key = Passkey(environment.deployment.webauthn_verifier.address)
    key.address = key.signer  # type: ignore[attr-defined]
    return key


def flip(raw: bytes, place: int = -1) -> bytes:
    changed = bytearray(raw)
    changed[place] ^= 1
    return bytes(changed)


BAD = {
    "owner's signature": ({"signature": lambda line: flip(line.signature, 5)}, "signature"),
    "another's signature": ({"signature": lambda _: Key().sign(bytes(32))}, "signature"),
    "owner": ({"owner": lambda _: Key().address}, "signature"),
    "salt": ({"salt": lambda line: flip(line.consent.salt)}, "signature"),
    "longer": ({"not_after": lambda line: line.consent.not_after + 1}, "signature"),
    "earlier": ({"not_before": lambda line: line.consent.not_before - 1}, "signature"),
    "more uses": ({"uses": lambda line: line.consent.uses + 1}, "signature"),
    "other opening": ({"first_opening": lambda line: line.consent.first_opening + 1}, "signature"),
    "times swapped": ({"not_before": lambda line: line.consent.not_after + 1}, "consent.window"),
    "enroller's signature": ({"enrolled": lambda line: flip(line.enrolled, 40)}, "signature"),
    "a stranger enrols": ({"enroller": lambda _: Key().address}, "consent.enroller"),
    "the provider enrols": ({"enroller": lambda _: bytes(20)}, "consent.enroller"),
    "opening's salt": ({"opening": lambda line: (line.opening[0], flip(line.opening[1]))}, "consent.opening"),
    "opening's subject": ({"opening": lambda line: ("customer-00007", line.opening[1])}, "consent.opening"),
    "no enrolment": ({"enrolment": lambda _: bytes(32), "opening": lambda _: None}, "consent.unenrolled"),
    "unknown verifier": ({"owner": lambda _: bytes(84)}, "signature.verifier"),
}


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_line_is_named_with_its_reason(environment, kind: str) -> None:
    lines = list(made(environment, environment.customers[:4]).values())
    check = check_of(environment)
    check_rows(check, lines, 1)
    changes, code = BAD[kind]
    values = {name: change(lines[2]) for name, change in changes.items()}
    inner = {name: values.pop(name) for name in ConsentFields._fields if name in values}
    lines[2] = lines[2]._replace(consent=lines[2].consent._replace(**inner), **values)
    with pytest.raises(InputError) as caught:
        check_rows(check, lines, 1)
    assert caught.value.code == code
    assert caught.value.message.startswith("row 3: ")


def test_consents_to_another_offer_or_under_other_names_are_refused(environment) -> None:
    scope = environment.a_scope()
    offer = environment.make_offer(scope)
    other = made(environment, ["customer-00001"], scope=scope, offer=offer)
    with pytest.raises(InputError, match="row 1: the consent is not signed"):
        check_rows(check_of(environment), list(other.values()), 1)


def test_order(environment) -> None:
    lines = list(made(environment, environment.customers[:3]).values())
    for wrong, said in (([0, 2, 1], "row 3: .*ascending"), ([0, 0, 1], "row 2: a consent stands twice")):
        with pytest.raises(InputError, match=said) as caught:
            check_rows(check_of(environment), [lines[place] for place in wrong], 1)
        assert caught.value.code == "batch.order"


def test_a_batch_is_made_of_signatures_as_wallets_give_them(environment, tmp_path: Path) -> None:
    """However they are written, the file has the one form; what is no signature of its owner is named by its line."""
    environment.chain.verifiers = environment.deployment.verifiers
    lines = list(made(environment, environment.customers[:4]).values()) + list(
        made(environment, ["p"], owner=p256_owner(environment)).values()
    )
    passkey = passkey_owner(environment)
    lines += made(environment, ["k"], owner=passkey).values()
    good = [cells_of(line) for line in lines]
    plain = [dict(cells) for cells in good]
    signatures = [line.signature for line in lines]
    s = int.from_bytes(signatures[1][32:64], "big")
    plain[0]["signature"] = signatures[0][:64].hex().upper() + f"{signatures[0][64] - 27:02x}"
    high = (SECP256K1_N - s).to_bytes(32, "big") + bytes([55 - signatures[1][64]])
    plain[1]["signature"] = base64.b64encode(signatures[1][:32] + high).decode()
    plain[2]["signature"] = "0x" + signatures[2].hex()
    plain[3]["owner"] = checksummed(lines[3].consent.owner)
    plain[3]["enroller_signature"] = lines[3].enrolled[:64].hex()
    r, s = int.from_bytes(signatures[4][:32], "big"), int.from_bytes(signatures[4][32:], "big")
    plain[4]["signature"] = "0x" + utils.encode_dss_signature(r, P256_N - s).hex()
    identity = check_of(environment).identity(lines[5])
    plain[5]["signature"] = (
        "0x" + read_signature(passkey.browser(environment.deployment.consents.digest(identity))).hex()
    )
    odd = [{name: in_hex(value) for name, value in one.items() if name != "enrolment"} for one in plain]

    def batch(name: str, rows: list[dict[str, Any]]) -> list[BatchRow]:
        source = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), source)
        make_batch(check_of(environment), environment.offer, environment.scope, read_consents(source), tmp_path / name)
        with (tmp_path / name).open("rb") as file:
            reader = BatchReader(file)
            group = reader.group()
            assert group is not None
            return reader.groups.rows(group.number, group.raw, 1)

    rows = batch("odd", odd)
    assert rows == batch("good", good) == sorted(lines, key=check_of(environment).identity)
    assert run(environment, tmp_path / "odd").rows == 6
    with pytest.raises(InputError, match="row 2: ") as caught:
        batch("wrong", [odd[0], odd[1] | {"signature": "0x" + (signatures[1] + bytes.fromhex("6492" * 16)).hex()}])
    assert caught.value.code == "signature.erc6492"
    with pytest.raises(InputError, match="EIP-55"):  # its first, with a letter changed
        batch("mistyped", [odd[3] | {"owner": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed"}])
    for wrong, said in (
        ({"uses": 0}, "row 1: a value that no consent has"),
        ({"salt": "0x00"}, "row 1: a value that no consent has"),
        ({"subject": None}, "row 1: the row lacks values"),
        ({"signature": None}, "row 1: the row lacks values"),
        ({"subject": None, "subject_salt": None}, "row 1: the row has no enrolment"),
        ({"remark": "s3cr3t"}, "columns that no consent has"),
        ({"uses": 1.5}, "a column of another type"),
        ({"subject": "x" * 20_000}, "a value is too long"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            batch("wrong", [odd[0] | wrong])
        assert "s3cr3t" not in str(caught.value) and "customer-" not in str(caught.value)
    with pytest.raises(InputError, match="row 2: a consent stands twice"):
        batch("wrong", [odd[0], odd[0]])
    assert not [path for path in tmp_path.iterdir() if "wrong" in path.name or "mistyped" in path.name]


def cells_of(row: BatchRow) -> dict[str, Any]:
    """As bytes, in a bank's own table."""
    single = len(row.enrolled) != 32
    opening = row.opening or (None, None)
    return {
        **row.consent._asdict(),
        "signature": row.signature,
        "enroller": row.enroller,
        "enroller_signature": row.enrolled if single else None,
        "enrolments": None if single else row.enrolled,
        "subject": opening[0],
        "subject_salt": opening[1],
    }


def in_hex(value: Any) -> Any:
    return "0x" + value.hex() if isinstance(value, bytes) else value


def test_a_whole_file_over_several_groups(make_environment, tmp_path: Path) -> None:
    environment = make_environment(tmp_path, customers=4)
    environment.chain.verifiers = environment.deployment.verifiers
    lines = made(environment, [f"anybody {i}" for i in range(2 * GROUP + 3)])
    of_p256 = made(environment, ["with a key of P-256"], owner=p256_owner(environment))
    lines = dict(sorted({**lines, **of_p256}.items()))
    path = file_of(environment, tmp_path / "b", lines)
    done = run(environment, path)
    assert (done.rows, done.last) == (len(lines), list(lines)[-1])
    assert done.hash == hashlib.sha256(path.read_bytes()).digest()

    rows, ids = list(lines.values()), list(lines)
    good = header_of(environment, ids)
    across = [*rows[: GROUP - 1], rows[GROUP], rows[GROUP - 1], *rows[GROUP + 1 :]]
    other = rows[GROUP + 5]._replace(consent=rows[GROUP + 5].consent._replace(uses=6))
    for header, content, said in (
        (header_of(environment, ids, root=secrets.token_bytes(32)), rows, "the root is not that"),
        (good, across, f"row {GROUP + 1}: the consents are not in ascending"),
        (good, rows[:-1], "not as many rows as the header counts"),
        (good, [*rows, rows[-1]], "not as many rows as the header counts"),
        (good, [*rows[: GROUP + 5], other, *rows[GROUP + 6 :]], f"row {GROUP + 6}: "),
    ):
        with pytest.raises(PlacetError, match=said):
            run(environment, write(path, header, content))


def test_headers(environment, tmp_path: Path) -> None:
    rows = made(environment, environment.customers[:2])
    with pytest.raises(PlacetError, match="scope is not this offer's"):
        run(
            environment,
            write(tmp_path / "b", header_of(environment, list(rows), scope=environment.a_scope()), rows.values()),
        )


def placet(folder: Path, *more: str) -> Result:
    """`placet batch check` in this process."""
    return CliRunner().invoke(app, [*words(folder), "--processes", "1", *more])


def words(folder: Path) -> list[str]:
    known = (f"--{name}={folder / name}.json" for name in ("deployment", "trust"))
    return ["batch", "check", str(folder / "batch"), *known, "--json"]


def test_a_killed_check_goes_on_and_notices_what_was_changed_behind_it(make_environment, tmp_path: Path) -> None:
    environment = make_environment(tmp_path, customers=2)
    (tmp_path / "deployment.json").write_text(environment.deployment.model_dump_json())
    (tmp_path / "trust.json").write_text(environment.trust.model_dump_json())
    path, beside = tmp_path / "batch", tmp_path / "batch.check"
    rows = list(made(environment, [f"anybody {i}" for i in range(12 * GROUP)]).items())
    file_of(environment, path, dict(rows))
    good = path.read_bytes()

    def written(place: int) -> bytes:
        """The file with a use more in one consent, and no other byte of the footer changed."""
        changed = [row for _, row in rows]
        changed[place] = changed[place]._replace(consent=changed[place].consent._replace(uses=6))
        return write(path, header_of(environment, [identity for identity, _ in rows]), changed).read_bytes()

    process = subprocess.Popen(
        [sys.executable, "-m", "placet.cli", *words(tmp_path), "--processes", "2"], stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not beside.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait(60)
    assert psutil.wait_procs(workers, timeout=120)[1] == []
    state = beside.read_bytes()
    done = json.loads(state)["rows"]
    assert 0 < done < 12 * GROUP

    # Behind: only the hash can show it, since these rows are not checked again.
    path.write_bytes(good[:1000] + flip(good[1000:1001]) + good[1001:])
    refused = placet(tmp_path)
    assert (refused.exit_code, "changed since its check began" in refused.stderr) == (1, True)
    # Ahead: the check itself finds it, by the page's checksum and, where that is right too, by the signature.
    last = good.rindex(rows[-1][1].consent.owner)
    path.write_bytes(good[:last] + flip(good[last : last + 1]) + good[last + 1 :])
    refused = placet(tmp_path)
    assert (refused.exit_code, "the row group is damaged" in refused.stderr) == (1, True)
    beside.unlink()
    written(len(rows) - 1)
    refused = placet(tmp_path)
    assert (refused.exit_code, f"row {len(rows)}: the consent is not signed" in refused.stderr) == (1, True)
    # Another footer is another file, whatever the rows before it.
    beside.write_bytes(state)
    refused = placet(tmp_path)
    assert (refused.exit_code, "changed since its check began" in refused.stderr) == (1, True)

    path.write_bytes(good)
    beside.write_bytes(state)
    finished = placet(tmp_path)
    assert finished.exit_code == 0, finished.stderr
    answer = json.loads(finished.stdout)
    assert (answer["resumed_after"], answer["count"]) == (done, 12 * GROUP)
    # Under another trust list nothing of it counts.
    trust = environment.trust.model_copy(update={"enrollers": ()})
    (tmp_path / "trust.json").write_text(trust.model_dump_json())
    refused = placet(tmp_path)
    assert (refused.exit_code, "row 1: the offer does not accept this enroller" in refused.stderr) == (1, True)


def take(environment, path: Path) -> None:
    with path.open("rb") as file:
        environment.vault.admit_batch(BatchReader(file), lambda _: None, 1)


def held(environment) -> tuple[int, int]:
    with environment.engine.connect() as connection:
        tables = (CONSENTS, BATCHES)
        consents, batches = (connection.execute(sa.select(sa.func.count()).select_from(t)).scalar_one() for t in tables)
    return consents, batches


def test_all_of_a_batch_comes_in_or_nothing(make_environment, tmp_path: Path) -> None:
    environment = make_environment(tmp_path, customers=GROUP + 20)
    lines = made(environment, environment.customers)
    stranger = made(environment, ["a stranger"])
    expired = made(environment, environment.customers[:1], not_after=environment.now - 1)
    exhausted = made(environment, environment.customers[:1], uses=1)
    closed = {i: line._replace(opening=None) for i, line in made(environment, environment.customers[:1]).items()}
    environment.state(openings=1)
    for wrong in (stranger, expired, exhausted, closed):
        mixed = dict(sorted({**lines, **wrong}.items()))
        with pytest.raises(InputError, match=f"row {list(mixed).index(next(iter(wrong))) + 1}: "):
            take(environment, file_of(environment, tmp_path / "b", mixed))
        assert held(environment) == (0, 0)
    withdrawn = list(lines)[GROUP + 4]
    environment.chain.ended[environment.offer.id] = {withdrawn}
    with pytest.raises(InputError, match=f"row {GROUP + 5}: the consent was withdrawn"):
        take(environment, file_of(environment, tmp_path / "b", lines))
    environment.chain.ended.clear()
    with pytest.raises(InputError, match="the root is not"):
        header = header_of(environment, list(lines), root=bytes(32))
        take(environment, write(tmp_path / "b", header, lines.values()))
    assert held(environment) == (0, 0)
    take(environment, file_of(environment, tmp_path / "b", lines))
    assert held(environment) == (len(lines), 1)
    take(environment, file_of(environment, tmp_path / "b", lines))
    assert held(environment) == (len(lines), 1)
    for identity in list(lines)[:3]:  # their owners find them, and where they are
        own = environment.vault.consent(identity, None)
        assert (own.batch, own.leaves) == (batch_root(list(lines)), len(lines))
        assert environment.vault.consent(identity, own.consent.owner) == own
        assert environment.vault.consents_of(own.consent.owner, bytes(32)).consents == (own,)
        assert environment.vault.consents_of(own.consent.owner, identity).consents == ()
        with pytest.raises(NotFoundError):
            environment.vault.consent(identity, bytes(20))


def test_the_lawful_set_is_the_one_of_single_submissions(make_environment, tmp_path: Path) -> None:
    environment = make_environment(tmp_path, customers=40)
    lines = made(environment, environment.customers)
    made_twice = made(environment, environment.customers[:7], uses=9)
    lines = dict(sorted({**lines, **made_twice}.items()))
    root = batch_root(list(lines))
    environment.chain.anchored[environment.offer.id] = {root: 50}
    submissions = [Submission.of_row(line) for line in lines.values()]
    assert environment.vault.admit_many(environment.offer, environment.scope, submissions) == list(lines)
    environment.vault.note_batch(environment.offer.id, root, list(lines))
    environment.chain.ended[environment.offer.id] = {list(lines)[3]}
    single = environment.lawful()
    evidence = environment.vault.leaves(environment.offer.id, single.root, 0)
    assert single.count >= 39
    with environment.engine.begin() as connection:
        for table in (CONSENTS, BATCHES):
            connection.execute(sa.delete(table))
    environment.restart()
    environment.chain.ended.clear()
    take(environment, file_of(environment, tmp_path / "b", lines))
    environment.chain.ended[environment.offer.id] = {list(lines)[3]}
    assert environment.lawful() == single
    assert environment.vault.leaves(environment.offer.id, single.root, 0) == evidence


def test_consents_come_in_by_enrolments_in_a_batch(make_environment, tmp_path: Path) -> None:
    """All that an auditor asks of them is shown; without the batch, or beside it, nothing comes in."""
    environment = make_environment(tmp_path, customers=6)
    single = made(environment, environment.customers)
    enrolled = dict(list(single.items())[:5])
    enrolments = at_once(environment, enrolled, *made(environment, ["of no consent"]).values())
    lines = single | relying(enrolled, enrolments)
    path = file_of(environment, tmp_path / "b", lines)

    def admit(*given: Enrolments) -> None:
        with path.open("rb") as file:
            environment.vault.admit_batch(BatchReader(file), lambda _: None, 1, given)

    without = at_once(environment, dict(list(single.items())[1:5]))
    copied = Enrolments(enrolments.batch.model_copy(update={"enroller": bytes(20)}), enrolments.joined)
    for given in ((), (without,), (copied,)):
        with pytest.raises(InputError, match="row 1: the batch that enrols its owner is not at hand"):
            admit(*given)
    wrong = single | relying(dict(list(single.items())[3:]), enrolments)
    with pytest.raises(InputError, match="row 6: the batch does not enrol this key"):
        path = file_of(environment, tmp_path / "w", wrong)
        admit(enrolments)
    assert held(environment) == (0, 0)
    path = tmp_path / "b"
    admit(enrolments, without)
    admit(enrolments)
    assert held(environment) == (6, 1)

    environment.chain.anchored[environment.offer.id] = {batch_root(list(lines)): 50}
    part = environment.vault.leaves(environment.offer.id, environment.lawful().root, 0)
    name = enrolments.batch.name
    assert part.enrolments == (name,)
    shown = environment.vault.enrolments(*name)
    assert checked(shown.batch, shown.joined, environment.deployment.consents) == enrolments
    assert [record.enrolled for record in decode_leaves(part.leaves)] == [line.enrolled for line in lines.values()]
    with pytest.raises(NotFoundError):
        environment.vault.enrolments(*without.batch.name)
    alone = Submission.of_row(next(iter(lines.values())))
    [outcome] = environment.vault.admit_many(environment.offer, environment.scope, [alone])
    assert isinstance(outcome, PlacetError)
    assert outcome.code == "consent.enrolment"


def test_nothing_comes_in_while_the_vault_is_served(tmp_path: Path) -> None:
    with alone(tmp_path / "s"), pytest.raises(StateError, match="another vault serves"), alone(tmp_path / "s"):
        pass


def test_a_root_that_an_enroller_signed_under_two_kinds_of_identifier_comes_in_once(
    make_environment, tmp_path: Path
) -> None:
    """The vault shows one batch a root: consents that rely on the other one would be called unenrolled, and its
    institution with them."""
    environment = make_environment(tmp_path, customers=2)
    single = made(environment, environment.customers)
    enrolments = at_once(environment, single)
    pairs = [(line.consent.owner, line.consent.enrolment) for line in single.values()]
    other = signed(pairs, "urn:placet:other", environment.enroller, environment.deployment.consents)
    assert other.batch.name == enrolments.batch.name
    environment.vault._records.add_batch(environment.offer.id, bytes(32), [], {other.batch.name: other})
    path = file_of(environment, tmp_path / "b", relying(single, enrolments))
    with path.open("rb") as file, pytest.raises(StateError) as caught:
        environment.vault.admit_batch(BatchReader(file), lambda _: None, 1, (enrolments,))
    assert caught.value.code == "enrolments.namespace"
    assert held(environment)[0] == 0
