"""Consents of Account Aggregator and UK Open Banking: read, mapped, written again; what has no counterpart is said."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.receipt_vectors import all_facts, ended, facts_of
from tests.core.receipt_vectors import notices as all_notices

from placet.core.errors import ConsentError, InputError, LimitError
from placet.core.hashing import sha256
from placet.core.receipts import ReceiptFacts
from placet.core.values import parse
from placet.interchange import aggregator_mapping, open_banking_mapping
from placet.interchange.account_aggregator import (
    MAX_ARTEFACT,
    AggregatorConsent,
    AggregatorStatus,
    ConsentDetail,
    read_aggregator_consent,
)
from placet.interchange.aggregator_mapping import AggregatorTerms, from_aggregator, to_aggregator
from placet.interchange.calendar_days import fewest_days
from placet.interchange.open_banking import (
    REASONS,
    AccessStatus,
    AccountAccessConsent,
    Permission,
    read_account_access_consent,
)
from placet.interchange.open_banking_mapping import AccessTerms, from_open_banking, to_open_banking
from placet.interchange.requests import demand_within
from placet.interchange.values import Foreign

SAMPLES = Path(__file__).parent / "samples"
DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "consent-systems.md"
LIVING = facts_of(all_notices()["cases"][36])
"""Of an offer with a data life of 90 days."""
SECOND = datetime.timedelta(seconds=1)


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def changed(name: str, **changes: Any) -> bytes:
    """A sample with other members, by their path with `__` for the dots; None takes one away."""
    document = json.loads(sample(name))
    for path, value in changes.items():
        *above, last = path.split("__")
        inner = document
        for key in above:
            inner = inner[key]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    return json.dumps(document).encode()


AA_TERMS = parse(AggregatorTerms, sample("aa-terms"))
UK_TERMS = parse(AccessTerms, sample("uk-terms"))
HALF_A_YEAR = (1_800_432_001, 1_816_070_400)
"""From 20 January 2027, 08:00:01, to 20 July, 08:00:00 (UTC): what is within the sample's milliseconds."""


def test_a_request_of_an_aggregator_keeps_what_has_a_counterpart_and_lists_the_rest() -> None:
    raw = sample("aa-detail")
    request = from_aggregator(raw)
    assert (request.not_before, request.not_after) == HALF_A_YEAR
    assert (request.means, request.signature, request.artefact) == ("asked", "unchecked", sha256(raw))
    assert (request.uses, request.data_life, request.purpose) == (None, 59, "104")
    detail = json.loads(raw)["ConsentDetail"]
    mapped = {"consentStart", "consentExpiry", "fetchType", "DataLife"}
    assert {one.member for one in request.unmatched} == set(detail) - mapped


def test_a_request_holds_no_value_that_is_a_persons() -> None:
    written = json.dumps(from_aggregator(sample("aa-artefact")).to_json())
    assert not re.search("9999999999|XXXXXX4020|dfbc2d29|exampleaa", written)


def test_an_artefact_that_is_fetched_once_is_for_one_use() -> None:
    request = from_aggregator(sample("aa-artefact"))
    assert (request.uses, request.data_life, request.means) == (1, 30, "given")
    assert request.reference == "654024c8-29c8-11e8-8868-0289437bf331"


@pytest.mark.parametrize("status", [*AggregatorStatus])
def test_nothing_is_asked_from_an_artefact_that_does_not_stand(status: AggregatorStatus) -> None:
    raw = changed("aa-artefact", status=status.value)
    if aggregator_mapping.MEANS[status] in ("asked", "given"):
        assert from_aggregator(raw).status == status
        return
    with pytest.raises(ConsentError, match="no counterpart") as refusal:
        from_aggregator(raw)
    assert refusal.value.code == "consent.counterpart"


@pytest.mark.parametrize("status", [*AccessStatus])
def test_nothing_is_asked_from_an_access_consent_that_does_not_stand(status: AccessStatus) -> None:
    raw = changed("uk-consent", Data__Status=status.value)
    if open_banking_mapping.MEANS[status] in ("asked", "given"):
        assert from_open_banking(raw).status == status
    else:
        with pytest.raises(ConsentError, match="no counterpart"):
            from_open_banking(raw)


def test_an_access_consent_without_an_end_asks_for_none() -> None:
    request = from_open_banking(changed("uk-consent", Data__ExpirationDateTime=None))
    assert request.not_after is None
    assert from_open_banking(sample("uk-consent")).not_after == 1_808_175_600
    assert {one.member for one in request.unmatched} == {
        "Data.Permissions",
        "Data.TransactionFromDateTime",
        "Data.TransactionToDateTime",
        "Data.StatusReason",
    }


@pytest.mark.parametrize(
    ("life", "days"),
    [({"unit": "MONTH", "value": 1}, 28), ({"unit": "YEAR", "value": 1}, 365), ({"unit": "INF", "value": 0}, None)],
)
def test_a_month_is_as_short_as_one_can_be(life: dict[str, Any], days: int | None) -> None:
    assert from_aggregator(changed("aa-artefact", ConsentDetail__DataLife=life)).data_life == days


def test_a_data_life_of_nothing_is_refused_and_not_taken_for_none() -> None:
    with pytest.raises(ConsentError, match="no counterpart"):
        from_aggregator(changed("aa-artefact", ConsentDetail__DataLife={"unit": "MONTH", "value": 0}))


@given(st.integers(1, 60), st.integers(0, 4_799))
def test_no_span_of_months_is_shorter_than_said(months: int, begin: int) -> None:
    first = datetime.date(2000 + begin // 12, begin % 12 + 1, 1)
    end = begin + months
    assert (datetime.date(2000 + end // 12, end % 12 + 1, 1) - first).days >= fewest_days(months)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("aa-artefact", {"more": 1}),
        ("aa-artefact", {"status": "active"}),
        ("aa-artefact", {"consentId": None}),
        ("aa-artefact", {"signedConsent": "a.b.c"}),
        ("aa-artefact", {"ConsentDetail": None}),
        ("aa-artefact", {"ConsentDetail__consentStart": "2027-01-20T08:00:00"}),
        ("aa-artefact", {"ConsentDetail__consentStart": 1_800_432_000}),
        ("aa-artefact", {"ConsentDetail__consentStart": "2027-02-30T08:00:00Z"}),
        ("aa-artefact", {"ConsentDetail__consentStart": "1969-12-31T23:59:59Z"}),
        ("aa-artefact", {"ConsentDetail__consentExpiry": "2027-01-01T08:00:00Z"}),
        ("aa-artefact", {"ConsentDetail__DataLife": {"unit": "WEEK", "value": 1}}),
        ("aa-artefact", {"ConsentDetail__DataLife": {"unit": "DAY", "value": -1}}),
        ("aa-artefact", {"ConsentDetail__fiTypes": []}),
        ("aa-artefact", {"ConsentDetail__Purpose__code": "one"}),
        ("uk-consent", {"Data__Status": "Authorised"}),
        ("uk-consent", {"Data__Status": "COND"}),
        ("uk-consent", {"Data__Permissions": []}),
        ("uk-consent", {"Data__Permissions": ["ReadEverything"]}),
        ("uk-consent", {"Data__Permissions": ["ReadBalances", "ReadBalances"]}),
        ("uk-consent", {"Data__consent_id": "by another name"}),
        ("uk-consent", {"Risk": {"PaymentContextCode": "x"}}),
        ("uk-consent", {"Data__StatusReason": [{"StatusReasonCode": "TOOLONG"}]}),
    ],
)
def test_what_is_no_artefact_is_refused(name: str, changes: dict[str, Any]) -> None:
    read = read_aggregator_consent if name == "aa-artefact" else read_account_access_consent
    with pytest.raises(InputError):
        read(changed(name, **changes))


def test_an_artefact_has_a_size() -> None:
    with pytest.raises(LimitError):
        read_aggregator_consent(b" " * (MAX_ARTEFACT + 1))


instants = st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(9999, 12, 31)).map(
    lambda moment: moment.replace(tzinfo=datetime.UTC).isoformat()
)
words = st.text("abcdefghij0123456789-@.", min_size=1, max_size=40)


@st.composite
def spans(draw: st.DrawFn) -> tuple[str, str]:
    first, second = sorted(draw(st.tuples(instants, instants)), key=datetime.datetime.fromisoformat)
    return first, second


@st.composite
def details(draw: st.DrawFn) -> dict[str, Any]:
    (start, expiry), (begin, end) = draw(spans()), draw(spans())
    optional: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "DataProvider": st.fixed_dictionaries({"id": words}, optional={"type": st.sampled_from(["FIP", "AA"])}),
                "Accounts": st.lists(st.fixed_dictionaries({"fiType": st.just("NPS"), "fipId": words}), max_size=2),
                "DataFilter": st.just([{"type": "TRANSACTIONTYPE", "operator": "=", "value": "DEBIT"}]),
            },
        )
    )
    return {
        "consentStart": start,
        "consentExpiry": expiry,
        "consentMode": draw(st.sampled_from(["VIEW", "STORE", "QUERY", "STREAM"])),
        "fetchType": draw(st.sampled_from(["ONETIME", "PERIODIC"])),
        "consentTypes": draw(st.lists(st.sampled_from(["PROFILE", "SUMMARY", "TRANSACTIONS"]), min_size=1, max_size=3)),
        "fiTypes": draw(st.lists(st.sampled_from(["DEPOSIT", "GSTR1_3B", "SIP"]), min_size=1, max_size=3)),
        "DataConsumer": {"id": draw(words), "type": "FIU"},
        "Customer": {"id": draw(words)},
        "Purpose": {"code": draw(st.sampled_from(["101", "102", "103", "104", "105"]))},
        "FIDataRange": {"from": begin, "to": end},
        "DataLife": {"unit": draw(st.sampled_from(["DAY", "MONTH", "YEAR", "INF"])), "value": draw(st.integers(0, 99))},
        "Frequency": {"unit": "HOUR", "value": draw(st.integers(0, 24))},
        **optional,
    }


@st.composite
def access_consents(draw: st.DrawFn) -> dict[str, Any]:
    begin, end = draw(spans())
    data: dict[str, Any] = {
        "ConsentId": draw(words),
        "CreationDateTime": draw(instants),
        "Status": draw(st.sampled_from([*AccessStatus])).value,
        "StatusUpdateDateTime": draw(instants),
        "Permissions": [one.value for one in draw(st.sets(st.sampled_from([*Permission]), min_size=1))],
    }
    if draw(st.booleans()):
        data |= {"TransactionFromDateTime": begin, "TransactionToDateTime": end, "ExpirationDateTime": end}
    if draw(st.booleans()):
        data["StatusReason"] = [{"StatusReasonCode": draw(st.sampled_from([*REASONS]))}]
    return {"Data": data, "Risk": {}}


def test_what_is_written_is_read_as_the_same_value() -> None:
    @given(details(), access_consents())
    def round_trips(detail: dict[str, Any], access: dict[str, Any]) -> None:
        values: tuple[tuple[type[Foreign], dict[str, Any]], ...] = (
            (AggregatorConsent, {"ver": "2.0.0", "ConsentDetail": detail}),
            (ConsentDetail, detail),
            (AccountAccessConsent, access),
        )
        for model, document in values:
            value = parse(model, json.dumps(document))
            assert parse(model, json.dumps(value.to_json())) == value

    round_trips()


@given(details())
def test_no_request_reaches_beyond_its_artefact(detail: dict[str, Any]) -> None:
    """In time: a second that a millisecond falls into belongs to neither end."""
    raw = json.dumps({"ver": "2.0.0", "ConsentDetail": detail}).encode()
    try:
        request = from_aggregator(raw)
    except (ConsentError, InputError):
        return
    begin, end = (datetime.datetime.fromisoformat(detail[name]) for name in ("consentStart", "consentExpiry"))
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    assert begin <= epoch + SECOND * request.not_before < begin + SECOND
    assert request.not_after is not None
    assert end - SECOND < epoch + SECOND * request.not_after <= end


def test_a_consent_goes_out_and_says_whose_word_is_which() -> None:
    exported = to_aggregator(LIVING, AA_TERMS)
    artefact = exported.artefact
    assert isinstance(artefact, AggregatorConsent)
    assert artefact.status is AggregatorStatus.ACTIVE
    detail, consent = artefact.detail(), LIVING.consent
    assert detail.data_life.to_json() == {"unit": "DAY", "value": 90}
    assert set(exported.from_author) == set(json.loads(sample("aa-terms")))
    assert not set(exported.from_author) & set(exported.from_consent)
    back = from_aggregator(json.dumps(artefact.to_json()).encode())
    assert (back.not_before, back.not_after, back.data_life) == (consent.not_before, consent.not_after, 90)
    assert back.uses == (1 if consent.uses == 1 else None)


def test_an_access_consent_goes_out_with_the_reason_for_its_end() -> None:
    revoked = facts_of(all_notices()["cases"][36], ended=ended("revoked"))
    exported = to_open_banking(revoked, UK_TERMS)
    assert isinstance(exported.artefact, AccountAccessConsent)
    data = exported.artefact.data
    assert data.status is AccessStatus.CANC
    assert data.status_reason is not None
    assert data.status_reason[0].status_reason_code in REASONS
    assert "provider" in str(data.status_reason[0].status_reason_description)
    assert parse(AccountAccessConsent, json.dumps(exported.artefact.to_json())) == exported.artefact


def _status(facts: ReceiptFacts, system: str) -> str | None:
    try:
        if system == "aa":
            one = to_aggregator(facts, AA_TERMS).artefact
            return one.to_json()["status"]  # type: ignore[no-any-return]
        return to_open_banking(facts, UK_TERMS).artefact.to_json()["Data"]["Status"]  # type: ignore[no-any-return]
    except ConsentError as error:
        assert error.code == "consent.counterpart"
        return None


def test_every_status_of_ours_goes_out_as_the_tables_say_or_not_at_all() -> None:
    seen = set()
    case = all_notices()["cases"][36]
    for how in ("given", "withdrawn", "revoked", "expired", "exhausted"):
        changes: dict[str, Any] = {
            "given": {},
            "expired": {"created": LIVING.consent.not_after + 1},
            "exhausted": {"openings": LIVING.consent.opens_before},
        }.get(how) or ({} if how == "given" else {"ended": ended(how)})
        facts = facts_of(case, **changes)
        assert facts.status == how
        seen.add(how)
        assert _status(facts, "aa") == aggregator_mapping.SAYS[how]
        assert _status(facts, "uk") == open_banking_mapping.SAYS[how]
    assert seen == set(aggregator_mapping.SAYS) == set(open_banking_mapping.SAYS)


def test_what_was_never_given_and_what_has_no_data_life_does_not_go_out() -> None:
    never = facts_of(all_notices()["cases"][36], ended=ended("withdrawn"), given=None)
    assert _status(never, "aa") is _status(never, "uk") is None
    assert _status(all_facts()[0], "aa") is None
    assert _status(all_facts()[0], "uk") == "AUTH"


def test_nothing_beyond_a_request_is_signed() -> None:
    request = from_aggregator(sample("aa-artefact"))
    scope, now = LIVING.scope.model_copy(update={"data_life": 30}), 1_800_500_000
    bounded = demand_within(request, scope, now=now, not_after=2_000_000_000, uses=9)
    assert bounded == (now, request.not_after, 1)
    assert demand_within(request, scope, now=now, not_after=now + 60, uses=1).not_after == now + 60
    assert demand_within(request, scope, now=1, not_after=2_000_000_000, uses=1).not_before == request.not_before
    for life in (None, 31):
        with pytest.raises(ConsentError, match="kept longer"):
            demand_within(request, scope.model_copy(update={"data_life": life}), now=now, not_after=now, uses=1)
    with pytest.raises(ConsentError, match="time is over"):
        demand_within(request, scope, now=1_900_000_000, not_after=2_000_000_000, uses=1)
    with pytest.raises(ConsentError, match="begins after"):
        demand_within(request, scope, now=1, not_after=2, uses=1)


def _rows(heading: str) -> dict[str, str]:
    """The first two cells of each row of a table of the document."""
    section = DOCUMENT.read_text().split(f"### {heading}\n")[1].split("\n###")[0]
    rows = re.findall(r"^\| `?([^`|]+?)`? \| ([^|]+?) \|", section, re.MULTILINE)
    return {name: cell.strip("`") for name, cell in rows if name not in ("there", "here", "code") and "---" not in name}


def test_the_documents_tables_are_those_of_the_program() -> None:
    nothing = {None: "nothing"}
    for name, mapping in (("Account Aggregator", aggregator_mapping), ("UK Open Banking", open_banking_mapping)):
        means: Any = mapping.MEANS
        says: Any = mapping.SAYS
        assert _rows(f"{name}: in") == {str(k): nothing.get(v, v) for k, v in means.items()}
        assert _rows(f"{name}: out") == {str(k): nothing.get(v, str(v)) for k, v in says.items()}
    assert _rows("Reason codes") == REASONS
