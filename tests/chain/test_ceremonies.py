"""A ceremony's file against the contract on a real chain: ids, turns, heads, confirmations."""

from __future__ import annotations

import secrets

import pytest

from placet.chain.ceremonies import (
    ceremony_made,
    confirm_key,
    demand_ceremony_place,
    may_confirm,
    open_phase,
    phase_state,
    record_contribution,
)
from placet.core.ceremonies import demand_recorded
from placet.core.errors import InputError, Reverted

from .conftest import ChainEnvironment, a_ceremony, as_sender, dev_key, sent


def test_the_chain_keeps_what_the_files_are_held_against(environment: ChainEnvironment) -> None:
    deployment, chain, local = environment.deployment, environment.chain, environment.local
    opener, accounts = dev_key(3).address, [dev_key(1).address, dev_key(2).address]
    ceremony = a_ceremony(deployment, opener, accounts)
    for phase in (ceremony.powers, ceremony.key):
        opening = open_phase(deployment, ceremony, phase)
        assert not phase_state(chain, phase).is_open
        assert as_sender(chain, opener, opening) == phase.id
        assert as_sender(chain, accounts[0], opening) != phase.id  # nobody opens another's ceremony first
        sent(local, opener, opening)
        assert phase_state(chain, phase).is_open and not phase_state(chain, phase).is_complete
        contributions = [secrets.token_bytes(32) for _ in accounts]
        with pytest.raises(Reverted, match="NotYourTurn"):
            as_sender(chain, accounts[1], record_contribution(deployment, phase, contributions[1]))
        for place, account in enumerate(accounts):
            demand_recorded(ceremony, phase, phase_state(chain, phase), contributions[:place])
            sent(local, account, record_contribution(deployment, phase, contributions[place]))
        demand_recorded(ceremony, phase, phase_state(chain, phase), contributions)
        for wrong in (contributions[:1], contributions[::-1], [*contributions, contributions[0]]):
            with pytest.raises(InputError) as caught:
                demand_recorded(ceremony, phase, phase_state(chain, phase), wrong)
            assert caught.value.code == "ceremony.record"

    key = secrets.token_bytes(32)
    assert may_confirm(chain, ceremony, accounts[0]) and not may_confirm(chain, ceremony, opener)
    sent(local, accounts[0], confirm_key(deployment, ceremony, key))
    assert not may_confirm(chain, ceremony, accounts[0]) and not ceremony_made(chain, ceremony, key)
    sent(local, accounts[1], confirm_key(deployment, ceremony, key))
    assert ceremony_made(chain, ceremony, key) and not ceremony_made(chain, ceremony, ceremony.salt)


def test_a_ceremony_of_another_deployment_is_refused(environment: ChainEnvironment) -> None:
    ceremony = a_ceremony(environment.deployment, dev_key(3).address, [dev_key(1).address, dev_key(2).address])
    demand_ceremony_place(ceremony, environment.deployment)
    for change in ({"chain_id": 1}, {"ceremonies": bytes(19) + b"\x01"}):
        with pytest.raises(InputError, match="another deployment"):
            demand_ceremony_place(ceremony.model_copy(update=change), environment.deployment)
