"""Promise 1: whose consent was erased is in no job again, though the institution's table still has his row, and whoever
kept the consent hands it in anew; and nobody else is kept out by it, nor he himself who signs another.

The attacker has a copy of the consent and its batch from before. It was erased by the institution while it was alive,
so that the chain has nothing against it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.vault.batch_files import file_of, row_of
from tests.vault.conftest import SCHEMA, VaultEnvironment

from placet.core.errors import ConsentError, WarrantError
from placet.core.ids import ConsentId
from placet.vault.batches import BatchReader

ERASED, OTHER = "customer-00001", "customer-00002"


class Attacked:
    def __init__(self, folder: Path) -> None:
        self.environment = environment = VaultEnvironment(folder / "vault")
        made = [environment.consent(subject) for subject in (ERASED, OTHER)]
        self.submissions = {ConsentId(consent.id): submission for consent, submission in made}
        self.erased, self.other = self.submissions
        rows = {identity: row_of(self.submissions[identity]) for identity in sorted(self.submissions)}
        self.file = file_of(environment, folder / "consents.batch", rows)
        self.admit(self.erased, self.other)
        environment.anchor(list(self.submissions))
        self.before = environment.lawful()
        assert self.people == {ERASED, OTHER}

    def admit(self, *consents: ConsentId) -> list[object]:
        environment = self.environment
        submissions = [self.submissions[one] for one in consents]
        return list(environment.vault.admit_many(environment.offer, environment.scope, submissions))

    def import_batch(self) -> None:
        with self.file.open("rb") as file:
            self.environment.vault.admit_batch(BatchReader(file), lambda _: None, 1)

    @property
    def people(self) -> set[str]:
        """Whose rows enter a job now."""
        environment = self.environment
        lawful = environment.lawful()
        if not lawful.count:
            return set()
        rows = environment.vault.rows(environment.opened(lawful.root))
        return set(rows.table["customer"])


@pytest.fixture
def attacked(tmp_path: Path) -> Attacked:
    (tmp_path / "vault").mkdir()
    return Attacked(tmp_path)


def test_the_same_consent_does_not_come_in_again(attacked: Attacked) -> None:
    assert attacked.environment.vault.erase(attacked.erased)
    refused, again = attacked.admit(attacked.erased, attacked.other)
    assert isinstance(refused, ConsentError) and refused.code == "consent.erased"
    assert again == attacked.other
    assert attacked.people == {OTHER}
    attacked.environment.restart()
    assert attacked.people == {OTHER}


def test_nor_in_the_batch_that_it_was_in(attacked: Attacked) -> None:
    attacked.environment.vault.erase(attacked.erased)
    attacked.environment.vault.erase(attacked.other)
    attacked.import_batch()
    assert attacked.people == set()
    attacked.environment.restart()
    assert attacked.people == set()


def test_nor_by_a_table_that_is_imported_again_with_his_row(attacked: Attacked) -> None:
    environment = attacked.environment
    environment.vault.erase(attacked.erased)
    columns = tuple(column.name for column in SCHEMA.columns)
    rows = environment.tables.rows("accounts", None, columns).lists()
    assert ERASED in rows["customer"]
    environment.dataset = environment.tables.save("accounts", environment.dataset.table, rows)
    attacked.import_batch()
    attacked.admit(attacked.erased)
    assert attacked.people == {OTHER}


def test_nor_by_a_set_that_was_signed_before(attacked: Attacked) -> None:
    request = attacked.environment.opened(attacked.before.root)
    attacked.environment.vault.erase(attacked.erased)
    with pytest.raises(WarrantError) as refused:
        attacked.environment.vault.rows(request)
    assert refused.value.code == "warrant.erased"


def test_who_consents_once_more_is_in_again(attacked: Attacked) -> None:
    environment = attacked.environment
    environment.vault.erase(attacked.erased)
    (fresh,) = environment.accept(ERASED)
    environment.anchor([fresh])
    assert attacked.people == {ERASED, OTHER}
