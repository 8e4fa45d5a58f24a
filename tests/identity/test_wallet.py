"""What a wallet shows: the standard's examples, and what does not hold."""

from __future__ import annotations

import base64
import json
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.identity.wallets import CLAIM, ISSUER, TYPE, Issuer, Wallet, signed

from placet.core.errors import AccessError, ConfigError, InputError
from placet.core.values import parse
from placet.identity.issuers import Issuers, TrustedIssuers
from placet.identity.status_fetch import StatusLists
from placet.identity.wallet import MAX_PRESENTATION, Wallets, wallets_of

CASES = json.loads((Path(__file__).parent / "vectors" / "sd_jwt.json").read_text())["cases"]
AUDIENCE, NONCE = "redirect_uri:https://enrol.example/v1/presentations/answers", "a nonce"
ISSUERS = Issuer()


LISTS = StatusLists()


def known(issuer: Issuer = ISSUERS, **terms: Any) -> Wallets:
    return Wallets(TrustedIssuers(parse(Issuers, issuer.keys(**terms))), (TYPE,), CLAIM, LISTS)


def refused(presentation: str, wallets: Wallets | None = None, *, audience: str = AUDIENCE, nonce: str = NONCE) -> str:
    with pytest.raises(AccessError) as error:
        (wallets or known()).subject(presentation, audience=audience, nonce=nonce)
    assert error.value.code == "access.presentation"
    assert "ada" not in str(error.value) and "Lovelace" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("case", CASES, ids=[one["name"] for one in CASES])
def test_the_standards_examples(case: dict[str, Any]) -> None:
    """Each is taken at its own time, by its own key; the claim that is shown comes out."""
    issuers = TrustedIssuers(parse(Issuers, {"issuers": {case["issuer"]: {"keys": [case["key"]]}}}))
    claim = ("email",) if "identity" in case["vct"] else ("family_name",)
    wallets = Wallets(issuers, (case["vct"],), claim, LISTS, clock=lambda: case["iat"] + 5.0)
    words = {"audience": case["audience"], "nonce": case["nonce"]}
    if claim == ("email",):
        assert wallets.subject(case["presentation"], **words) == "johndoe@example.com"
    else:  # all holds, and no name is shown
        assert "the claim that names the person is not shown" in refused(case["presentation"], wallets, **words)
    late = Wallets(issuers, (case["vct"],), claim, LISTS, clock=lambda: case["iat"] + 301.0)
    assert "earlier request" in refused(case["presentation"], late, **words)
    assert "do not hold" in refused(case["presentation"], wallets, audience=case["audience"], nonce="another")
    assert "do not hold" in refused(case["presentation"], wallets, audience="https://thief.example", nonce=NONCE)


def test_who_is_shown_is_told() -> None:
    wallet = Wallet(ISSUERS, "ada")
    assert known().subject(wallet.shows(AUDIENCE, NONCE), audience=AUDIENCE, nonce=NONCE) == "ada"
    more = wallet.shows(AUDIENCE, NONCE, {CLAIM[0]: True, "nationalities": [True]})
    assert known().subject(more, audience=AUDIENCE, nonce=NONCE) == "ada"


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"exp": int(time.time()) - 1}, "expired"),
        ({"nbf": int(time.time()) + 3600}, "does not hold yet"),
        ({"iat": int(time.time()) + 3600}, "does not hold yet"),
        ({"vct": "urn:eudi:mdl:1"}, "another type"),
        ({"exp": None}, "has to be there"),
        ({"vct": None}, "has to be there"),
        ({"iss": "https://thief.example"}, "nobody here takes its issuer's word"),
        ({"status": {"status_list": {"idx": 1, "uri": "https://pid.example.eu/list"}}}, "does not name"),
        ({"status": {"another": {}}}, "has to be there"),
        ({"aud": "https://other.example"}, "issued for others"),
        ({"typ": "jwt"}, "no SD-JWT VC"),
    ],
)
def test_a_credential_that_does_not_count(claims: dict[str, Any], said: str) -> None:
    assert said in refused(Wallet(ISSUERS, "ada", **claims).shows(AUDIENCE, NONCE))


def test_a_credential_of_a_forger_or_of_another_holder() -> None:
    assert "do not hold" in refused(Wallet(Issuer(), "ada").shows(AUDIENCE, NONCE))
    mine, theirs = Wallet(ISSUERS, "ada"), Wallet(ISSUERS, "eve")
    mine.key = theirs.key  # a stolen credential, without its key
    assert "do not hold" in refused(mine.shows(AUDIENCE, NONCE))
    right = Wallet(ISSUERS, "ada").shows(AUDIENCE, NONCE)
    assert "do not hold" in refused(right.rpartition("~")[0] + "~" + theirs.shows(AUDIENCE, NONCE).rpartition("~")[2])
    assert "three parts" in refused(right.rpartition("~")[0] + "~")  # without a key binding


def test_nothing_is_shown_that_the_credential_does_not_have() -> None:
    """A disclosure of another credential, under a key binding that is right over all of it."""
    mine, theirs = Wallet(ISSUERS, "eve"), Wallet(ISSUERS, "ada")
    whole = mine.credential
    mine.credential = whole.partition("~")[0] + "~" + "~".join(theirs.credential.split("~")[1:-1]) + "~"
    assert "discloses what the credential does not have" in refused(_bound(mine, mine.credential))


def _bound(wallet: Wallet, shown: str) -> str:
    """A key binding over anything."""
    digest = base64.urlsafe_b64encode(sha256(shown.encode()).digest()).decode().rstrip("=")
    claims = {"nonce": NONCE, "aud": AUDIENCE, "iat": int(time.time()), "sd_hash": digest}
    return shown + signed(claims, wallet.key, typ="kb+jwt")


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _issued(claims: dict[str, Any], wallet: Wallet) -> str:
    """A credential with these claims beside the usual ones, as its issuer would never make it."""
    plain = {"iss": ISSUER, "vct": TYPE, "exp": int(time.time()) + 3600, CLAIM[0]: "ada"}
    whole = {**plain, "cnf": {"jwk": json.loads(wallet.key.export_public())}, **claims}
    said = {name: value for name, value in whole.items() if value is not ...}
    return signed(said, ISSUERS.key, typ="dc+sd-jwt", kid="one")


def _disclosure(*said: Any) -> tuple[str, str]:
    """A disclosure and its digest."""
    one = _base64url(json.dumps(said).encode())
    return one, _base64url(sha256(one.encode()).digest())


def _as_json(token: str, header: dict[str, Any]) -> str:
    """A token in the JSON form that is one of three parts too, whose first decodes to another header where a decoder
    leaves out what is no base64."""
    protected, payload, signature = token.split(".")
    while len(_base64url(json.dumps(header).encode())) % 4:
        header = header | {"pad": header.get("pad", "") + "a"}
    said = _base64url(json.dumps(header).encode())
    return f'{{"":"{said}.{payload}.AAAA","payload":"{payload}","protected":"{protected}","signature":"{signature}"}}'


def test_a_header_in_front_of_the_signed_one() -> None:
    """A credential of another type of token, which its issuer has signed for something else."""
    wallet = Wallet(ISSUERS, "ada", typ="at+jwt")
    issued, *disclosed, _ = wallet.shows(AUDIENCE, NONCE).split("~")
    smuggled = _as_json(issued, {"alg": "ES256", "typ": "dc+sd-jwt", "kid": "one"})
    assert "no text of base64" in refused(_bound(wallet, "~".join([smuggled, *disclosed, ""])))
    right = Wallet(ISSUERS, "ada")
    assert "no text of base64" in refused(_bound(right, "!" + right.credential))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iss", ISSUER),
        ("vct", TYPE),
        ("exp", 2**40),
        ("nbf", 0),
        ("aud", AUDIENCE),
        ("status", {"status_list": {"idx": 1, "uri": "https://pid.example.eu/list"}}),
    ],
)
def test_what_is_never_disclosed(name: str, value: object) -> None:
    """It would be the holder's choice whether it is told."""
    wallet = Wallet(ISSUERS, "ada")
    disclosed, digest = _disclosure("a salt", name, value)
    presentation = _bound(wallet, f"{_issued({name: ..., '_sd': [digest]}, wallet)}~{disclosed}~")
    assert ("nobody here takes" if name == "iss" else "has to say in plain") in refused(presentation)


@pytest.mark.parametrize("hidden", ["status", "vct#integrity"])
@pytest.mark.parametrize("shows", [True, False])
def test_no_part_of_what_is_never_disclosed_is_hidden(hidden: str, shows: bool) -> None:
    """A status whose place in the list is behind a digest, shown or kept back."""
    wallet = Wallet(ISSUERS, "ada")
    disclosed, digest = _disclosure("a salt", "status_list", {"idx": 1, "uri": "https://pid.example.eu/list"})
    shown = f"{disclosed}~" if shows else ""
    presentation = _bound(wallet, f"{_issued({hidden: {'a': [{'_sd': [digest]}]}}, wallet)}~{shown}")
    assert "has to say in plain" in refused(presentation)


def test_where_a_status_is_demanded_none_is_none() -> None:
    """Also where the issuer has hidden it behind a digest, which a holder keeps to himself."""
    wallet = Wallet(ISSUERS, "ada")
    _, digest = _disclosure("a salt", "status", {"status_list": {"idx": 1, "uri": "https://pid.example.eu/list"}})
    for presentation in (
        wallet.shows(AUDIENCE, NONCE),
        _bound(wallet, _issued({"_sd": [digest]}, wallet) + "~"),
    ):
        assert known(status="optional").subject(presentation, audience=AUDIENCE, nonce=NONCE) == "ada"
        assert "it has no status" in refused(presentation, known(status="required"))


def test_a_credential_for_this_reader() -> None:
    for aud in (AUDIENCE, ["https://other.example", AUDIENCE]):
        shown = Wallet(ISSUERS, "ada", aud=aud).shows(AUDIENCE, NONCE)
        assert known().subject(shown, audience=AUDIENCE, nonce=NONCE) == "ada"


def test_a_status_that_says_nothing_is_one() -> None:
    wallet = Wallet(ISSUERS, "ada")
    assert "revoked" in refused(_bound(wallet, _issued({"status": None}, wallet) + "~"))


def test_a_few_disclosures_do_not_become_many() -> None:
    """Each is twice in the next one, so that 40 would be 2^40 values."""
    wallet = Wallet(ISSUERS, "ada")
    disclosed, digest = _disclosure("a salt", "x")
    all_of_them = [disclosed]
    for _ in range(40):
        disclosed, digest = _disclosure("a salt", [{"...": digest}, {"...": digest}])
        all_of_them.append(disclosed)
    presentation = "~".join([_issued({"list": [{"...": digest}]}, wallet), *all_of_them, ""])
    assert "in two places" in refused(_bound(wallet, presentation))


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda raw: raw.hex() + ".e30.x~")))
def test_garbage_is_refused(text: str) -> None:
    refused(text)


@given(st.data())
def test_any_byte_that_is_changed_is_noticed(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(RIGHT) - 1))
    letter = data.draw(st.sampled_from("ABCxyz019-_~.").filter(lambda one: one != RIGHT[place]))
    changed = RIGHT[:place] + letter + RIGHT[place + 1 :]
    try:
        who = known().subject(changed, audience=AUDIENCE, nonce=NONCE)
    except AccessError:
        return
    # The last letter before a point or the end has bits that base64url leaves out: the same bytes.
    assert who == "ada"
    assert (RIGHT + ".")[place + 1] in ".~"


RIGHT = Wallet(ISSUERS, "ada").shows(AUDIENCE, NONCE)


def test_what_is_too_large_is_not_looked_at() -> None:
    assert "too large" in refused("a" * (MAX_PRESENTATION + 1))
    assert "too large" in refused("é")


def test_an_algorithm_of_the_headers_choosing() -> None:
    for header in ({"alg": "none", "typ": "dc+sd-jwt"}, {"alg": "HS256", "typ": "dc+sd-jwt"}):
        said = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
        assert "another algorithm" in refused(said + RIGHT[RIGHT.index(".") :])


def test_files_of_issuers(tmp_path: Path) -> None:
    file = tmp_path / "issuers.json"
    with pytest.raises(ConfigError, match="can't be read"):
        wallets_of(file, (TYPE,), CLAIM)
    file.write_text(json.dumps(ISSUERS.keys()))
    assert wallets_of(file, (TYPE,), CLAIM).types == (TYPE,)
    for wrong in (
        {},
        {"issuers": {}},
        {"issuers": {}, "anchors": []},
        ISSUERS.keys(status="requird"),
        ISSUERS.keys(statuss="required"),
        ISSUERS.keys(status_hosts=["https://pid.example.eu"]),
        ISSUERS.keys(status_hosts=["pid.example.eu/lists"]),
        {"issuers": {ISSUER: {"keys": []}}},
        {"issuers": {ISSUER: {"keys": [{"kty": "oct"}]}}},
    ):
        file.write_text(json.dumps(wrong))
        with pytest.raises(InputError):
            wallets_of(file, (TYPE,), CLAIM)
