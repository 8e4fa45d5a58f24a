"""SecretFlow SPU as the distributed engine: PSI and MPC with one process of the operating system a party.

A node never imports SPU. It starts `python -m placet.protocols.spu` for one task, in a folder that ends with it.

psi       `intersect`: ECDH, KKRT and RR22 between two parties
circuit   `count_and_sum` over an intersection that nobody learns, if it is large enough; `open_count_and_sum`
mpc       `compute` a registered program on secret arrays, `reconstruct` an output from all shares
session   `EngineSession`: a link that stays open for programs that come one after the other
spare     `SpareEngine`: a process that has started before there is a task for it
kept      `KeptShare`: an output that stays with each party, for a later program
programs  the register: how to add a program is said there
engine    `choose`: two parties get Cheetah, three ABY3

A name is imported when it is asked for: a node that starts needs none of what computes with arrays.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from placet.protocols.spu.circuit import (
        count_and_sum,
        count_table,
        open_count_and_sum,
        open_noisy_count,
        open_table,
    )
    from placet.protocols.spu.engine import Engine, choose
    from placet.protocols.spu.kept import KeptShare
    from placet.protocols.spu.mpc import Repeated, Secret, compute, reconstruct
    from placet.protocols.spu.network import Member, Network, free_port
    from placet.protocols.spu.psi import Intersection, intersect
    from placet.protocols.spu.session import EngineSession
    from placet.protocols.spu.spare import SpareEngine

__all__ = [
    "Engine",
    "EngineSession",
    "Intersection",
    "KeptShare",
    "Member",
    "Network",
    "Repeated",
    "Secret",
    "SpareEngine",
    "choose",
    "compute",
    "count_and_sum",
    "count_table",
    "free_port",
    "intersect",
    "open_count_and_sum",
    "open_noisy_count",
    "open_table",
    "reconstruct",
]
_HOMES = {
    "circuit": ("count_and_sum", "count_table", "open_count_and_sum", "open_noisy_count", "open_table"),
    "engine": ("Engine", "choose"),
    "kept": ("KeptShare",),
    "mpc": ("Repeated", "Secret", "compute", "reconstruct"),
    "network": ("Member", "Network", "free_port"),
    "psi": ("Intersection", "intersect"),
    "session": ("EngineSession",),
    "spare": ("SpareEngine",),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """PEP 562."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
