"""Values first, wherever they are: rows, clauses that are new, gone, split or moved; wordings that say how far."""

from __future__ import annotations

import pytest

from placet.comparison.compare import compare
from placet.comparison.definitions import definitions
from placet.comparison.facts import facts
from placet.comparison.lexicon import Lexicon
from placet.comparison.organisations import organisations
from placet.comparison.result import Comparison

Told = list[tuple[str, str | None, str | None]]


def of(before: str, after: str, form: str = "txt") -> Comparison:
    return compare(before.encode(), f"a.{form}", after.encode(), f"b.{form}")


def told(comparison: Comparison) -> Told:
    return [
        (flag.kind, flag.before and flag.before.text, flag.after and flag.after.text)
        for entry in comparison.entries
        for flag in entry.flags
    ]


def statuses(comparison: Comparison) -> list[tuple[str, ...]]:
    return [entry.statuses for entry in comparison.entries if entry.statuses != ("same",)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("Payment is due on 01/05/2026.", "Payment is due on 05/01/2026.", [("date", "01/05/2026", "05/01/2026")]),
        ("It ends on 01-05-2026.", "It ends on 01-06-2026.", [("date", "01-05-2026", "01-06-2026")]),
        ("It ends on 30.09.2026, at noon", "It ends on 30.09.2027, at noon", [("date", "30.09.2026", "30.09.2027")]),
        ("It ends on 01 / 05 / 2026.", "It ends on 01 / 06 / 2026.", [("date", "01 / 05 / 2026", "01 / 06 / 2026")]),
        ("It starts in Q1 2026 at best", "It starts in Q2 2026 at best", [("date", "Q1 2026", "Q2 2026")]),
        ("from the first quarter of 2026", "from the third quarter of 2026",
         [("date", "first quarter of 2026", "third quarter of 2026")]),
        ("valid to 05/2026 or so", "valid to 06/2026 or so", [("date", "05/2026", "06/2026")]),
        ("of fiscal year 2026 only", "of fiscal year 2027 only", [("date", "fiscal year 2026", "fiscal year 2027")]),
        ("due on 1 May '26 at last", "due on 1 May '27 at last", [("date", "1 May '26", "1 May '27")]),
        ("by the end of March at last", "by the end of April at last", [("date", "March", "April")]),
        ("due on Monday of it", "due on Friday of it", [("date", "Monday", "Friday")]),
        ("for 18 mths of it", "for 24 mths of it", [("duration", "18 mths", "24 mths")]),
        ("on the twenty-first day of it", "on the twenty-second day of it",
         [("number", "twenty-first", "twenty-second")]),
        ("a credit of -$500 is due", "a credit of $500 is due", [("amount", "-$500", "$500")]),
        ("at $.50 a unit of it", "at $.75 a unit of it", [("amount", "$.50", "$.75")]),
        ("double the fees of it", "triple the fees of it", [("number", "double", "triple")]),
        ("of Class A shares only", "of Class B shares only", [("number", "Class A", "Class B")]),
        ("10 or more units of it", "10 or fewer units of it", [("bound", "or more", "or fewer")]),
        ("under 10 units of it", "over 10 units of it", [("bound", "under ", "over ")]),
        ("it shall endeavour to deliver", "it shall deliver", [("standard", "endeavour to", None)]),
        ("any of the events occurs", "all of the events occurs", [("connective", "any", "all")]),
        ("paid in advance by it", "paid in arrears by it", [("quality", "in advance", "in arrears")]),
        ("ends for cause of it", "ends for convenience of it", [("quality", "for cause", "for convenience")]),
        ("the deed is void then", "the deed is voidable then", [("quality", "void", "voidable")]),
        ("it ends at will of it", "it ends in perpetuity of it", [("quality", "at will", "in perpetuity")]),
        ("see § 3 Abs. 2 on it", "see § 3 Abs. 3 on it", [("reference", "§ 3 Abs. 2", "§ 3 Abs. 3")]),
        ("as Clause (a)(i) says", "as Clause (a)(ii) says", [("reference", "Clause (a)(i)", "Clause (a)(ii)")]),
        ("the 1st day of June, 2026", "the 1st day of July, 2026",
         [("date", "1st day of June, 2026", "1st day of July, 2026")]),
        ("by 5:00 p.m. (London time) today", "by 17:30 today", [("time", "5:00 p.m. (London time)", "17:30")]),
        ("A majority of two-thirds (2/3) decides", "A majority of three-quarters decides",
         [("number", "two-thirds (2/3)", "three-quarters")]),
        ("the first anniversary of it", "the fifth (5th) anniversary of it", [("number", "first", "fifth (5th)")]),
        ("with five directors on it", "with seven directors on it", [("number", "five", "seven")]),
        ("a cap of 5x the fees", "a cap of 3x the fees", [("number", "5x", "3x")]),
        ("fees of £1.5m in all", "fees of £1.75m in all", [("amount", "£1.5m", "£1.75m")]),
        ("pays One Million Dollars ($1,000,000) now", "pays Two Million Dollars ($2,000,000) now",
         [("amount", "One Million Dollars ($1,000,000)", "Two Million Dollars ($2,000,000)")]),
        ("EUR 1.250.000,00 is owed", "CHF 1'250'000 is owed", [("amount", "EUR 1.250.000,00", "CHF 1'250'000")]),
        ("EUR 10 to 20 million of it", "EUR 10 to 30 million of it",
         [("amount", "EUR 10 to 20 million", "EUR 10 to 30 million")]),
        ("payment in US dollars only", "payment in euros only", [("amount", "US dollars", "euros")]),
        ("at LIBOR plus 250 basis points", "at LIBOR plus 300 bps", [("percentage", "250 basis points", "300 bps")]),
        ("a rate of one and one-half percent (1.5%) per month", "a rate of two percent (2%) per month",
         [("percentage", "one and one-half percent (1.5%)", "two percent (2%)")]),
        ("within ten (10) Business Days of it", "within ten (10) days of it",
         [("duration", "ten (10) Business Days", "ten (10) days")]),
        ("in 30 to 60 days of it", "in 45 to 60 days of it", [("duration", "30 to 60 days", "45 to 60 days")]),
        ("payable monthly to it", "payable quarterly to it", [("duration", "monthly", "quarterly")]),
        ("a fee of $500 is due", "a fee of 5% is due", [("percentage", "$500", "5%")]),
        ("at least 51% of it", "at most 51% of it", [("bound", "at least", "at most")]),
        ("not earlier than 1 May 2026", "not later than 1 May 2026",
         [("bound", "not earlier than", "not later than")]),
        ("the greater of $100 and the Fees", "the lesser of $100 and the Fees",
         [("bound", "greater of", "lesser of")]),
        ("costs, including legal fees", "costs, including without limitation legal fees",
         [("bound", "including", "including without limitation")]),
        ("it uses best efforts to close", "it uses commercially reasonable efforts to close",
         [("standard", "best efforts", "commercially reasonable efforts")]),
        ("it uses reasonable efforts to close", "it uses best endeavours to close",
         [("standard", "reasonable efforts", "best endeavours")]),
        ("on a best-efforts basis only", "on a reasonable-efforts basis only",
         [("standard", "best-efforts", "reasonable-efforts")]),
        ("GBP 10,000 per claim is owed", "GBP 10,000 in the aggregate is owed",
         [("quality", "per claim", "in the aggregate")]),
        ("in its sole discretion it decides", "in its reasonable discretion it decides",
         [("standard", "sole discretion", "reasonable discretion")]),
        ("with the prior written consent of it", "with the consent of it", [("standard", "prior written", None)]),
        ("an exclusive licence to it", "a non-exclusive licence to it", [("quality", "exclusive", "non-exclusive")]),
        ("fees exclusive of taxes", "fees inclusive of taxes", [("quality", "exclusive", "inclusive")]),
        ("an irrevocable offer to it", "a revocable offer to it", [("quality", "irrevocable", "revocable")]),
        ("governed by the laws of the State of New York, as they are",
         "governed by the laws of the State of Delaware, as they are", [("law", "New York", "Delaware")]),
        ("Swiss law governs this", "English law governs this", [("law", "Swiss", "English")]),
        ("The courts of England and Wales decide this", "The courts of Ireland decide this",
         [("law", "England and Wales", "Ireland")]),
        ("The seat of arbitration shall be Geneva", "The seat of arbitration shall be Paris",
         [("law", "Geneva", "Paris")]),
        ("The Buyer and the agent sign it", "The Buyer or the agent sign it", [("connective", "and", "or")]),
        ("it must not be opened", "it must be opened", [("modal", "must not", "must"), ("negation", "not", None)]),
        ("is under no obligation to repair it", "is under an obligation to repair it",
         [("modal", "is under no obligation", "is under an obligation"), ("negation", "no", None)]),
        ("it is due subject to Clause 5", "it is due notwithstanding Clause 5",
         [("negation", "subject to", "notwithstanding")]),
    ],
)  # fmt: skip
def test_what_changed_is_told_as_it_is_written(before: str, after: str, expected: Told) -> None:
    assert told(of(f"1. {before}\n\n2. Rest of it.", f"1. {after}\n\n2. Rest of it.")) == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("no less than 5 days of it", "at least five (5) days of it"),
        ("up to 5 days of it", "no more than 5 days of it"),
        ("the greater of A and B is due", "the higher of A and B is due"),
        ("costs, including but not limited to fees", "costs, including without limitation fees"),
        ("a non-exclusive licence to it", "a nonexclusive licence to it"),
        ("a majority of two-thirds of it", "a majority of 2/3 of it"),
        ("ends on 31/12/2026 at noon", "ends on 31.12.2026 at 12 noon"),
        ("it uses best efforts to close", "it uses its best endeavors to close"),
        ("pays EUR 1,000,000 to it", "pays one million euros to it"),
        ("arbitration under the rules; it is final", "arbitration under such rules; it is final"),
    ],
)
def test_the_same_in_other_words_is_not_told(before: str, after: str) -> None:
    assert told(of(f"1. {before}\n\n2. Rest of it.", f"1. {after}\n\n2. Rest of it.")) == []


def test_rows_are_paired_by_what_they_are_of() -> None:
    table = "# Schedule 1\n\n| Item | Fee |\n|---|---|\n| Setup | {} |\n| Support | {} |\n| Training | $80 |\n"
    found = of(table.format("$500", "$100"), table.format("$550", "5% of the order"), "md")
    assert statuses(found) == [("edited",), ("edited",)]
    assert told(found) == [("amount", "$500", "$550"), ("percentage", "$100", "5%")]


def test_a_value_alone_under_its_heading_is_paired() -> None:
    page = "# Cover\n\n## Cap\n\n{}\n\n## Term\n\n{}\n\n## Notice\n\nby post\n"
    found = of(page.format("$500,000", "12 months"), page.format("EUR 750,000", "two years"), "md")
    assert statuses(found) == [("edited",), ("edited",)]
    assert told(found) == [("amount", "$500,000", "EUR 750,000"), ("duration", "12 months", "two years")]


WHOLE = (
    "The Supplier delivers the goods to the warehouse in good order. The Buyer pays EUR 5,000 within 30 days after the "
    "invoice came. Title passes to the Buyer with the payment of the price in full."
)
BESIDE = "The agent keeps books of all that is sold and shows them on request."


def test_a_clause_split_in_three_is_one_edit_and_its_values_are_not_gone() -> None:
    one, two, three = WHOLE.replace(". ", ".\n").split("\n")
    two = two.replace("after the invoice came", "after the invoice arrived")
    found = of(f"1. {WHOLE}\n\n2. {BESIDE}", f"1. {one}\n\n2. {two}\n\n3. {three}\n\n4. {BESIDE}")
    assert statuses(found) == [("edited",)]
    assert told(found) == []


def test_a_value_that_went_with_its_words_is_not_gone_where_a_clause_stands_between() -> None:
    one, two, three = WHOLE.replace(". ", ".\n").split("\n")
    between = "Risk stays with the carrier until the driver has signed for every crate."
    found = of(f"1. {WHOLE}\n\n2. {BESIDE}", f"1. {one} {three}\n\n2. {between}\n\n3. {two}\n\n4. {BESIDE}")
    assert [flag for flag in told(found) if flag[0] in ("amount", "duration")] == []


def test_a_value_of_a_clause_rewritten_elsewhere_is_old_and_new_in_one() -> None:
    before = f"1. {BESIDE}\n\n2. A reserve of USD 400 is kept for repairs of the roof and no other purpose at all."
    after = f"1. The fund holds a reserve of USD 650 is kept for repairs of the roof, says the board.\n\n2. {BESIDE}"
    assert ("amount", "USD 400", "USD 650") in told(of(before, after))


def test_values_of_new_and_gone_clauses_are_told() -> None:
    found = of(f"1. {BESIDE}\n\n2. Fines are USD 70 a day.", f"1. {BESIDE}\n\n2. Visits end at 5 pm on 1 May 2026.")
    assert [flag for flag in told(found) if flag[0] not in ("duration",)] == [
        ("amount", "USD 70", None),
        ("time", None, "5 pm"),
        ("date", None, "1 May 2026"),
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("THE SERVICE IS PROVIDED AS IS WITHOUT WARRANTIES.", []),
        ("GOODS ARE SOLD AS DELIVERED. AS SUCH, NOTHING IS OWED.", []),
        ("See the Order Form. Limited exceptions apply.", []),
        ("The Limited Warranty and the Bank Account of the Company", []),
        ("between Acme Holdings Ltd. and Bravo, Inc.", ["Acme Holdings Ltd", "Bravo, Inc"]),
        ("With Equinor ASA as agent of DNB BANK AS, Oslo", ["Equinor ASA", "DNB BANK AS"]),
        ("ACME HOLDINGS LIMITED, a company, and St. James Trust", ["ACME HOLDINGS LIMITED", "St. James Trust"]),
    ],
)
def test_company_forms_make_names_of_companies_only(text: str, names: list[str]) -> None:
    assert [name for name, _ in organisations(text)] == names
    assert [f.text for f in facts(text, Lexicon([], [])) if f.kind == "party" and f.text in names] == names


DEFINING = 'This NDA ("Agreement") binds the one that gives ("Giver") and the one that gets ("Taker"); both sign a {}.'


def test_a_term_is_defined_otherwise_only_where_its_phrase_changed() -> None:
    def terms(before: str, after: str) -> Told:
        return [flag for flag in told(of(f"1. {before}", f"1. {after}")) if flag[0] == "definition"]

    assert terms(DEFINING.format("Cover Page"), DEFINING.format("cover page")) == []
    assert terms(DEFINING, DEFINING.replace("that gets", "that receives")) == [("definition", "Taker", "Taker")]
    goods = '"Goods" means {}. Goods are {}. "Waste" means the rest.'
    assert terms(goods.format("grain", "dry"), goods.format("grain", "clean")) == []
    assert terms(goods.format("grain", "dry"), goods.format("rye", "dry")) == [("definition", "Goods", "Goods")]
    assert terms('"Goods" means grain. It includes rye.', '"Goods" means grain. It includes oats.') == [
        ("definition", "Goods", "Goods")
    ]


def test_a_term_is_defined_by_its_sub_clauses_too() -> None:
    listed = (
        '1.1 "Goods" means:\n\n(a) grain;\n\n(b) rye; and\n\n(c) oats.\n\n1.2 The Seller sells:\n\n(a) the Goods; and'
        "\n\n(b) the waste."
    )

    def terms(after: str) -> Told:
        return [flag for flag in told(of(listed, after)) if flag[0] == "definition"]

    assert terms(listed.replace("rye", "wheat")) == [("definition", "Goods", "Goods")]
    assert terms(listed.replace("rye; and", "rye; or")) == [("definition", "Goods", "Goods")]
    assert terms(listed.replace("the waste", "all waste")) == []
    assert terms(listed.replace("rye; and\n\n(c) oats.", "oats; and\n\n(c) rye.")) == []


def test_a_definition_that_only_moved_is_none_that_changed() -> None:
    goods, rest = '"Goods" means grain and rye of the first harvest.', "The agent weighs it twice and keeps a record."
    found = of(f"1. {rest} {goods}\n\n2. {BESIDE}", f"1. {rest}\n\n2. {BESIDE}\n\n3. {goods}")
    assert [flag for flag in told(found) if flag[0] == "definition"] == []


def test_terms_in_bold_are_definitions_too() -> None:
    assert [(d.term, d.phrase) for d in definitions(["Business Day means a day on which banks open."])] == [
        ("Business Day", ("a", "day", "on", "which", "banks", "open"))
    ]
    assert list(definitions(["Nothing means as much. This means war."])) == []


def test_text_without_blanks_is_compared_by_letter() -> None:
    found = of("1. 本合同金额为一百万元人民币", "1. 本合同金额为二百万元人民币")
    assert [(s.change, s.text) for e in found.entries for s in e.segments if s.change != "same"] == [
        ("removed", "一"),
        ("added", "二"),
    ]
