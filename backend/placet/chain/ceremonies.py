"""What the chain keeps of ceremonies, and what is sent to their contract."""

from __future__ import annotations

from placet.chain.abi import function
from placet.chain.calls import Call
from placet.chain.client import Chain
from placet.core.ceremonies import Ceremony, CeremonyPhase, PhaseState
from placet.core.errors import InputError
from placet.core.trust import Deployment
from placet.core.values import to_hex

_CEREMONIES = "Ceremonies"


def demand_ceremony_place(ceremony: Ceremony, deployment: Deployment) -> None:
    """InputError unless the ceremony is of this deployment."""
    here = deployment.chain_id, deployment.ceremonies.address
    if (ceremony.chain_id, ceremony.ceremonies) != here:
        raise InputError(
            "the ceremony is of another deployment",
            expected=f"chain {here[0]}, {to_hex(here[1])}",
            found=f"chain {ceremony.chain_id}, {to_hex(ceremony.ceremonies)}",
        )


def phase_state(chain: Chain, phase: CeremonyPhase) -> PhaseState:
    """Of one phase; of none where nobody opened it."""
    address = chain.deployment.ceremonies.address
    _, contributors, contributed, head = chain.read(_CEREMONIES, address, "ceremonies", phase.id)[0]
    return PhaseState(contributors, contributed, head)


def ceremony_made(chain: Chain, ceremony: Ceremony, key: bytes) -> bool:
    """Whether all contributors confirmed that this key came out."""
    address = chain.deployment.ceremonies.address
    return bool(chain.read(_CEREMONIES, address, "made", ceremony.key.id, key)[0])


def may_confirm(chain: Chain, ceremony: Ceremony, contributor: bytes) -> bool:
    """Whether this is a contributor that has not confirmed a key yet, whichever."""
    address = chain.deployment.ceremonies.address
    return bool(chain.read(_CEREMONIES, address, "mayConfirm", ceremony.key.id, contributor)[0])


def open_phase(deployment: Deployment, ceremony: Ceremony, phase: CeremonyPhase) -> Call:
    """The ceremony's opener: a phase of it."""
    return _call(deployment, "open", phase.circuit, ceremony.contributors, phase.salt)


def record_contribution(deployment: Deployment, phase: CeremonyPhase, contribution: bytes) -> Call:
    """The contributor whose turn it is: what it handed on, once."""
    return _call(deployment, "contribute", phase.id, contribution)


def confirm_key(deployment: Deployment, ceremony: Ceremony, key: bytes) -> Call:
    """Each contributor, once: which key came out."""
    return _call(deployment, "confirm", ceremony.key.id, key)


def _call(deployment: Deployment, name: str, *values: object) -> Call:
    data = function(_CEREMONIES, name).encode(*values)
    return Call(deployment.ceremonies.address, data, f"{_CEREMONIES}.{name}")
