"""Which protocol runs, who may take part, which programs there are: what is refused before anything starts."""

from __future__ import annotations

import dataclasses
import socket
import sys
from collections.abc import Callable

import pytest

from placet.core.errors import ConfigError, InputError, LimitError, PlanError
from placet.protocols.spu import Network, choose, extra, free_port
from placet.protocols.spu.programs import PROGRAMS, find


@pytest.mark.parametrize(("parties", "protocol"), [(2, "cheetah"), (3, "aby3")])
def test_the_number_of_parties_chooses(parties: int, protocol: str) -> None:
    engine = choose(parties)
    assert engine.to_json() == {"protocol": protocol, "field": "FM64", "fraction_bits": 18}
    assert choose(parties, named=protocol) == engine
    assert choose(parties, field="FM128").fraction_bits == 40


@pytest.mark.parametrize("parties", [0, 1, 4, 5])
def test_other_numbers_have_no_protocol(parties: int) -> None:
    with pytest.raises(PlanError, match="no MPC protocol"):
        choose(parties)


@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize("name", ["SEMI2K", "semi2k"])
def test_semi2k_is_refused_with_its_reason(parties: int, name: str) -> None:
    with pytest.raises(PlanError, match="rank 0 see every seed"):
        choose(parties, named=name)


@pytest.mark.parametrize(("parties", "name"), [(3, "cheetah"), (2, "aby3"), (2, "securenn"), (3, "ref2k"), (2, "spdz")])
def test_a_protocol_for_another_number_is_refused(parties: int, name: str) -> None:
    with pytest.raises(PlanError) as caught:
        choose(parties, named=name)
    assert caught.value.code == "spu.protocol"


def test_where_spu_is_missing_the_extra_and_the_reason_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"placet\[spu\]") as caught:
        extra.require()
    assert caught.value.code == "spu.missing" and caught.value.found is not None
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    with pytest.raises(ConfigError, match=r"no wheels for this Python"):
        extra.require()


def test_programs_are_found_by_name_only() -> None:
    assert all(find(name).name == name for name in PROGRAMS)
    with pytest.raises(InputError, match="no such program"):
        find("os.system")


@pytest.mark.parametrize("spoilt", ["name", "port", "certificate", "no certificate", "one", "four", "me"])
def test_a_network_is_of_two_or_three_distinct_parties(networks: Callable[..., list[Network]], spoilt: str) -> None:
    network = networks(2)[0]
    first, second = network.members
    members = {
        "name": (first, dataclasses.replace(second, name=first.name)),
        "port": (first, dataclasses.replace(second, port=first.port)),
        "certificate": (first, dataclasses.replace(second, certificate="\n" + first.certificate)),
        "no certificate": (first, dataclasses.replace(second, certificate="-----BEGIN")),
        "one": (first,),
        "four": (first, second, first, second),
        "me": (first, second),
    }[spoilt]
    with pytest.raises(InputError):
        Network(members, 2 if spoilt == "me" else 0, b"", network.key)


def test_the_key_is_not_shown(networks: Callable[..., list[Network]]) -> None:
    assert "PRIVATE" not in repr(networks(2)[0])


def test_a_taken_port_is_not_chosen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LimitError, match="no port is free"):
            free_port("127.0.0.1", port, port)
