"""Run the enrolling service as a process."""

from __future__ import annotations

from pathlib import Path

import uvicorn

from placet.chain.keystore import load_secret, read_passphrase
from placet.core.encodings import text_of
from placet.core.errors import ConfigError
from placet.core.signatures import Key
from placet.core.trust import Deployment
from placet.core.values import parse
from placet.identity.app import create_app
from placet.identity.presentations import Presentations
from placet.identity.register import Register
from placet.identity.service import Enrolling
from placet.identity.settings import IdentitySettings
from placet.identity.wallet import wallets_of
from placet.serving.connections import server_options


def key_of(settings: IdentitySettings) -> tuple[Key, Deployment]:
    """The enroller's key, and the contracts that it signs for; ConfigError for what is missing."""
    passphrase = read_passphrase(settings.passphrase_file)
    deployment = parse(
        Deployment, text_of(_read(settings.deployment), "deployment file"), what=str(settings.deployment)
    )
    return Key(load_secret(settings.key, passphrase)), deployment


def enrolling_of(settings: IdentitySettings) -> Enrolling:
    """The service that the settings describe; ConfigError for what is missing."""
    key, deployment = key_of(settings)
    enrolling = Enrolling(
        key,
        Register(settings.register_file),
        settings.namespace,
        deployment.consents,
        deployment.verifiers,
        a_day=settings.enrolments_a_day,
    )
    if settings.wallet_issuers is not None and settings.wallet_url is not None:
        wallets = wallets_of(settings.wallet_issuers, settings.wallet_types, settings.wallet_claim)
        enrolling.presentations = Presentations(wallets, settings.wallet_url)
    return enrolling


def serve(settings: IdentitySettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    app = create_app(enrolling_of(settings), settings.name, settings.page_origins, settings.passkey_origins)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        timeout_keep_alive=10,
        **server_options(settings.trusted_proxies),
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError("a file can't be read", found=f"{path}: {error.strerror}") from None
