"""What parties do together and one of them does otherwise: sums, lists, the division of a pot, stakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator import NAMES, Simulation, h, key
from test_lists import TwoLists
from test_payouts import METRICS, Divided, measuring
from test_stakes import Staked
from test_sums import Summed

from malicious.lies import A, B, C, D, malicious
from placet.audit.bundle import Bundle
from placet.core.sum_messages import TO_ALL


@malicious("flow.sums", C)
def a_sum_of_which_two_were_told_two_things() -> Bundle:
    return type("Lying", (Summed,), {"liar": 2, "lie": TO_ALL[0]})().bundle()


@malicious("flow.sums", B)
def a_sum_that_one_party_has_no_step_of() -> Bundle:
    return type("Absent", (Summed,), {"adds": lambda self, party: party != 1})().bundle()


@malicious("flow.one-list", D)
def another_list_for_another_provider() -> Bundle:
    return TwoLists().bundle()


@malicious("flow.one-list", B)
def a_provider_that_tells_of_another_list_than_it_was_sent() -> Bundle:
    class Slanders(Simulation):
        def word_of_list(self, provider: int, other: int) -> bytes:
            return h("another list") if provider == 1 else super().word_of_list(provider, other)

    return Slanders().bundle()


@malicious("seal.payouts", *NAMES, within=measuring)
def a_pot_that_goes_to_one() -> Bundle:
    class Bribed(Divided):
        def payouts(self) -> tuple[int, ...]:
            return (800, 0, 0, 200)

    return Bribed().bundle()


@malicious("seal.payouts", C, within=measuring)
def metrics_of_a_partys_own() -> Bundle:
    class Liar(Divided):
        def metrics(self, party: int) -> dict[frozenset[int], int]:
            return METRICS | ({frozenset({0}): 690_000} if party == 2 else {})

    return Liar().bundle()


@malicious("payment.paid", within=measuring)
def a_share_of_the_pot_that_was_not_paid() -> Bundle:
    class Kept(Divided):
        def payments(self) -> Any:
            return [paid.model_copy(update={"amount": 25}) if paid.amount > 25 else paid for paid in super().payments()]

    return Kept().bundle()


def _staked(**changes: Any) -> Bundle:
    return type("Faulty", (Staked,), changes)().bundle()


@malicious("stakes.in", B)
def a_stake_that_came_after_the_first_steps() -> Bundle:
    return _staked(late=(1,))


@malicious("stakes.in", B)
def a_stake_that_never_came() -> Bundle:
    return _staked(lacking=(1,))


@malicious("stakes.in", C)
def a_stake_under_cheaper_terms() -> Bundle:
    class Cheaper(Staked):
        lacking = (2,)

        def _open(self) -> None:
            super()._open()
            self.deposit((2,), stake=499)

    return Cheaper().bundle()


@malicious("plan.scope", A, C)
def an_auditor_whom_offers_do_not_name() -> Bundle:
    silent: Mapping[int, tuple[bytes, ...]] = {0: (), 2: (key("signer", 0).address,)}
    return _staked(silent=silent)
