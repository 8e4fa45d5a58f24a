"""The files of a study: read whole, judged, and refused with all that is wrong with them; values are never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from placet.core.errors import DataError
from placet.study.document import study_of
from placet.study.judgement import judge
from placet.study.tables import StudyData, read_tables
from placet.study.terms import terms_of

SECRET = "s3cr3t"


def data_of(document: dict[str, Any], folder: Path) -> StudyData:
    return read_tables(terms_of(study_of(document)), folder)


def refused(document: dict[str, Any], folder: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        data_of(document, folder)
    assert SECRET not in str(caught.value) and caught.value.remedy
    return caught.value


def test_who_may_be_used(document: dict[str, Any], folder: Path) -> None:
    data = data_of(document, folder)
    assert data.willing() == {"provider1": ["b", "x"], "provider2": ["b", "c"]}
    assert data.consumer.usable == {"a", "b", "c"}
    judgement = judge(data)
    assert [(one.rows, one.usable, one.matched) for one in judgement.tables] == [(3, 2, 1), (3, 2, 2), (3, 3, 3)]
    assert (judgement.somewhere, judgement.everywhere, judgement.label, judgement.warnings) == (2, 1, None, ())
    assert judgement.estimate.processor_seconds > 0
    assert any("3 rows, 2 may be used, 1 of these" in line for line in judgement.lines())


@pytest.mark.parametrize(
    ("persons", "willing"),
    [
        ("all", {"provider1": ["a", "b", "x"], "provider2": ["b", "c", "y"]}),
        ("customers", {"provider1": ["a", "b"], "provider2": ["b", "c"]}),
    ],
)
def test_all_persons_or_customers_consent(document: dict[str, Any], folder: Path, persons: str, willing: Any) -> None:
    document["consents"] = {"persons": persons}
    assert data_of(document, folder).willing() == willing


def test_an_institution_has_a_list_of_its_own(document: dict[str, Any], folder: Path) -> None:
    (folder / "own.csv").write_text("who\ny\n")
    document["institutions"][1]["consents"] = {"file": "own.csv", "identifier": "who"}
    assert data_of(document, folder).willing()["provider2"] == ["y"]


def test_what_is_wrong_with_all_files_is_told_at_once(document: dict[str, Any], folder: Path) -> None:
    (folder / "north.csv").write_text(f"ID,balance\n{SECRET},ten\n,5\n")
    (folder / "south.csv").write_text(f"CLIENT,OTHER\n{SECRET},1\n")
    (folder / "customers.csv").unlink()
    (folder / "consents.csv").write_text(f"person\n{SECRET}\n{SECRET}\n")
    error = refused(document, folder)
    told = "\n".join((str(error.found), *error.details))
    for file in ("north.csv", "row 1", "row 2", "south.csv", "customers.csv", "consents.csv"):
        assert file in told


@pytest.mark.parametrize(
    ("file", "text", "code"),
    [
        ("north.csv", f"ID,balance\n{SECRET},\n", "data.null"),
        ("south.csv", f"CLIENT,AMOUNT\n{SECRET},1.255\n", "data.decimals"),
        ("north.csv", f"ID,balance\n{SECRET},{2**62 // 100 + 1}\n", "data.overflow"),
        ("customers.csv", f'ID\n"{SECRET}\u2028b"\n', "data.type"),
        ("consents.csv", f"person\nz\n{SECRET}\n", "data.consent"),
    ],
)
def test_a_bad_file(document: dict[str, Any], folder: Path, file: str, text: str, code: str) -> None:
    (folder / file).write_text(text)
    assert refused(document, folder).code == code


def test_damage_and_lists_that_meet_nobody_are_warned_of(document: dict[str, Any], folder: Path) -> None:
    document["consents"] = {"persons": "all"}
    (folder / "north.csv").write_text("ID,balance\n812345,1\n812346,2\n62345678,3\n72345678,4\n82345678,5\n")
    (folder / "customers.csv").write_text("ID\n00812345\n00812346\n12345678\n")
    warnings = judge(data_of(document, folder)).warnings
    assert any(line.startswith("north.csv: ") and '"kind": "digits"' in line for line in warnings)
    assert any(line.startswith("Bank North: no row") for line in warnings)
    assert any(line.startswith("Bank North: 2 more") for line in warnings)
