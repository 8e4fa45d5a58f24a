"""The enclaves of a node whose institution runs them for others, and what they prove."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from placet.core.enclave_policy import EnclavePolicy, TpmRule
from placet.core.hashing import sha256
from placet.node.service import Node
from placet.protocols.enclave.platform.simulated import SimulatedPlatform
from placet.recipes.contract_compare.sessions import EnclaveSessions


@contextlib.asynccontextmanager
async def enclaves(node: Node) -> AsyncIterator[EnclaveSessions | None]:
    """None where the settings ask for none. ConfigError where the host can't run them in isolation."""
    settings = node.settings.enclaves
    if settings is None:
        yield None
        return
    platform = await SimulatedPlatform.opened(node.settings.folder / "tpm")
    rule = TpmRule(
        kind="tpm",
        enclave_class="simulated",
        measurements=(platform.measurement,),
        keys=(sha256(platform.attestation_key),),
    )
    sessions = EnclaveSessions(
        platform, EnclavePolicy(max_age=settings.max_age, rules=(rule,)), node.settings.folder / "enclaves"
    )
    try:
        yield sessions
    finally:
        await sessions.close()
