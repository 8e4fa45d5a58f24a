"""What commands read: passphrases (never from arguments), files, addresses, times."""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import urlsplit

import typer

from placet.core.errors import ConfigError, InputError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from placet.core.ids import ConsentId, JobId, OfferId
    from placet.core.signed_trust import SignedTrust
    from placet.core.trust import Deployment, TrustList

    M = TypeVar("M", bound=BaseModel)

MAX_FILE = 8 << 20
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "y": 31_557_600}


def demand_url(text: str | None) -> str | None:
    """An option's URL as it is. A usage error for what is none, without the text: it may hold a password."""
    if text is not None:
        try:
            parts = urlsplit(text)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
        if not sound or not text.isascii() or not text.isprintable() or " " in text:
            raise typer.BadParameter("a URL as in https://HOST or http://HOST:PORT is expected")
    return text


PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        envvar="PLACET_PASSPHRASE_FILE",
        help="File (mode 0600) with the passphrase in its first line; else PLACET_PASSPHRASE, else a prompt.",
    ),
]
DeploymentFile = Annotated[
    Path,
    typer.Option("--deployment", envvar="PLACET_DEPLOYMENT", help="Deployment file: which contracts, which chain."),
]
TrustFile = Annotated[Path, typer.Option("--trust", envvar="PLACET_TRUST", help="Trust list: which address is whom.")]
ChainUrl = Annotated[
    str,
    typer.Option("--url", envvar="PLACET_CHAIN_URL", help="JSON-RPC endpoint of the chain.", callback=demand_url),
]
NodeConfig = Annotated[Path, typer.Option("--config", envvar="PLACET_NODE_CONFIG", help="The node's node.toml.")]
Timeout = Annotated[float, typer.Option(min=1, help="Seconds to wait for the chain.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def passphrase(file: Path | None, *, confirm: bool = False) -> str:
    """From the file, else from PLACET_PASSPHRASE, else asked for on a terminal. ConfigError if there is none."""
    if file is not None:
        from placet.chain.keystore import read_passphrase

        return read_passphrase(file)
    given = os.environ.get("PLACET_PASSPHRASE", "")
    if given:
        return given
    if not sys.stdin.isatty():
        raise ConfigError(
            "no passphrase", expected="a terminal, PLACET_PASSPHRASE or a file", remedy="give --passphrase-file FILE"
        )
    answer: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return answer


def read(path: Path, what: str, *, limit: int = MAX_FILE) -> bytes:
    """A file's bytes; ConfigError if it can't be read, InputError if it is larger than `limit`."""
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as error:
        raise ConfigError(f"the {what} can't be read", found=f"{path}: {error.strerror}") from None
    if len(raw) > limit:
        raise InputError(f"the {what} is too large", expected=f"at most {limit} bytes", found=path)
    return raw


def read_text(path: Path, what: str, *, limit: int = MAX_FILE) -> str:
    """A file's text, whatever system wrote it; InputError if it is none."""
    from placet.core.encodings import text_of

    return text_of(read(path, what, limit=limit), what)


def document(model: type[M], path: Path, what: str) -> M:
    """A JSON file as a value."""
    from placet.core.values import parse

    return parse(model, read_text(path, what), limit=MAX_FILE, what=f"{what} {path}")


def read_deployment(path: Path) -> Deployment:
    """The deployment file."""
    from placet.core.trust import Deployment

    return document(Deployment, path, "deployment file")


def read_trust(path: Path) -> TrustList:
    """The trust list; of a signed one what it says of who is whom."""
    return read_any_trust(path)[1]


def read_signed_trust(path: Path) -> SignedTrust:
    """A signed trust list, as far as its form goes."""
    from placet.core.signed_trust import parse_signed_trust

    return parse_signed_trust(read_text(path, "signed trust list"))


def read_any_trust(path: Path) -> tuple[SignedTrust | None, TrustList]:
    """The trust list, and the signed one that it stands in, if it does. As `SignedTrust.demand_valid`."""
    from placet.core.json_text import read_json
    from placet.core.signed_trust import parse_signed_trust
    from placet.core.trust import TrustList
    from placet.core.values import parse

    text, what = read_text(path, "trust list"), f"trust list {path}"
    content = read_json(text, what)
    if not isinstance(content, dict) or content.get("type") != "placet.signed-trust":
        return None, parse(TrustList, text, limit=MAX_FILE, what=what)
    signed = parse_signed_trust(text)
    signed.demand_valid(int(time.time()))
    return signed, signed.content.trust


def read_address(text: str) -> bytes:
    """A `0x…` address as 20 bytes; InputError also for a wrong checksum."""
    from placet.core.values import address_of

    return address_of(text)


def read_signer(text: str) -> bytes:
    """An owner's `0x…` key: an address, or a verifier's with a P-256 key."""
    from pydantic import TypeAdapter, ValidationError

    from placet.core.values import Signer, invalid

    try:
        key: bytes = TypeAdapter(Signer).validate_python(text)
    except ValidationError as error:
        raise invalid("the owner's key", error) from None
    return key


def read_name(text: str, what: str = "name") -> str:
    """A name, title or reason that people will read, as its author typed it; in NFC, which keyboards and files don't
    always give. InputError if a part of it is not seen."""
    from placet.core.text import flaw

    name = unicodedata.normalize("NFC", text.strip())
    fault = flaw(name)
    if fault is not None:
        raise InputError(f"the {what} can't be used", expected="one line of visible characters", found=fault)
    return name


def read_consent(text: str) -> ConsentId:
    """A consent's `0x…` id."""
    from placet.core.ids import ConsentId
    from placet.core.values import from_hex

    return ConsentId(from_hex(text, size=32))


def read_job(text: str) -> JobId:
    """A job's `0x…` id."""
    from placet.core.ids import JobId
    from placet.core.values import from_hex

    return JobId(from_hex(text, size=32))


def read_offer(text: str) -> OfferId:
    """An offer's `0x…` id."""
    from placet.core.ids import OfferId
    from placet.core.values import from_hex

    return OfferId(from_hex(text, size=32))


def read_span(text: str) -> int:
    """Seconds of `90d`, `12h`, `1y`; InputError for anything else."""
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit() and len(number) < 10 and unit in _UNITS):
        raise InputError("not a span of time", expected="a number and s, m, h, d or y, as in 90d", found=text[:40])
    return int(number) * _UNITS[unit]


def when(timestamp: int) -> str:
    """Unix seconds for people, with the zone, which is UTC; as a number where no calendar has the time."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(timestamp))
    except (OverflowError, ValueError, OSError):
        return f"{timestamp} s"


def write_new(path: Path, content: bytes | Iterable[bytes], *, mode: int = 0o644) -> None:
    """Write a file that is not there yet, whole or not at all. ConfigError if it exists or finds no room."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise ConfigError("the file can't be made", expected="no file yet", found=f"{path}: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as sink:
            sink.writelines((content,) if isinstance(content, bytes) else content)
            sink.flush()
            os.fsync(sink.fileno())
    except BaseException as error:
        path.unlink()
        if isinstance(error, OSError):
            raise ConfigError("the file can't be written", found=f"{path}: {error.strerror}") from None
        raise


def replace(path: Path, content: bytes | Iterable[bytes], *, mode: int = 0o644) -> None:
    """Write a file over an old one, whole or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    write_new(fresh, content, mode=mode)
    fresh.replace(path)
