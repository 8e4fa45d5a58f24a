"""Makes tests/vectors/webauthn.json: one passkey and digest, and signatures that are its or are not.

python -m tests.core.webauthn_vectors
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from placet.core.hashing import keccak
from placet.core.webauthn import Assertion

from ..passkeys import IS_BACKED_UP, MAY_BE_BACKED_UP, PRESENT, VERIFIED, Passkey, client_data, high

FILE = Path(__file__).parent.parent / "vectors" / "webauthn.json"
DIGEST = keccak(b"what a passkey signs")
_LONGEST_CLIENT = 1024 - 6 * 32 - 3 * 32 - 32
KEY = Passkey(bytes(20), ec.derive_private_key(11, ec.SECP256R1()))


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _raw(words: tuple[int, ...], *tails: bytes) -> bytes:
    return b"".join((*map(_word, words), *tails))


def _bytes(data: bytes) -> bytes:
    return _word(len(data)) + data + bytes(-len(data) % 32)


def accepted() -> Iterator[tuple[str, Assertion]]:
    yield "as a browser has it", KEY.assertion(DIGEST)
    yield "not backed up", KEY.assertion(DIGEST, flags=PRESENT | VERIFIED)
    yield "may be backed up", KEY.assertion(DIGEST, flags=PRESENT | VERIFIED | MAY_BE_BACKED_UP)
    yield "more authenticator data", KEY.assertion(DIGEST, tail=bytes(40))
    yield "challenge before type", KEY.assertion(DIGEST, client=_reordered())
    yield "as long as it may be", KEY.assertion(DIGEST, client=client_data(DIGEST).ljust(_LONGEST_CLIENT))


def _reordered() -> bytes:
    words = json.loads(client_data(DIGEST))
    order = ("challenge", "origin", "type")
    return json.dumps({name: words[name] for name in order}, separators=(",", ":")).encode()


def refused() -> Iterator[tuple[str, bytes]]:
    good = KEY.assertion(DIGEST).low
    form = good.encode()
    authenticator, client = _bytes(good.authenticator_data), _bytes(good.client_data)
    words = (good.r, good.s, good.challenge_at, good.type_at)
    first, second = 192, 192 + len(authenticator)
    yield "empty", b""
    yield "the first half", form[: len(form) // 2]
    yield "a word behind it", form + bytes(32)
    yield "a byte behind it", form + b"\0"
    yield "as a tuple, with an offset first", _word(32) + form
    yield "client data before authenticator data", _raw((*words, 192 + len(client), 192), client, authenticator)
    yield "a gap", _raw((*words, first + 32, second + 32), bytes(32), authenticator, client)
    yield "padding that is not zero", form[:-1] + b"\1"
    yield "an offset beyond the end", _raw((*words, first, 2**256 - 32), authenticator, client)
    yield "a length beyond the end", form[:192] + _word(2**255) + form[224:]
    yield "high s", high(good).encode()
    yield "s of 0", good._replace(s=0).encode()
    yield "r of 0", good._replace(r=0).encode()
    yield "nobody there", KEY.assertion(DIGEST, flags=VERIFIED).low.encode()
    yield "nobody verified", KEY.assertion(DIGEST, flags=PRESENT).low.encode()
    yield "backed up what may not be", KEY.assertion(DIGEST, flags=PRESENT | VERIFIED | IS_BACKED_UP).low.encode()
    yield "authenticator data of 36 bytes", _short().encode()
    yield "made, not asked", _with_client(client_data(DIGEST, "webauthn.create")).encode()
    yield "another digest", KEY.assertion(keccak(b"another")).low.encode()
    yield "a padded challenge", _with_client(client_data(DIGEST).replace(b'","origin', b'=","origin')).encode()
    yield "a challenge without its end", _with_client(b'{"type":"webauthn.get","challenge":"').encode()
    yield "type one byte off", good._replace(type_at=good.type_at + 1).encode()
    yield "challenge one byte off", good._replace(challenge_at=good.challenge_at - 1).encode()
    yield "type at the end of numbers", good._replace(type_at=2**256 - 1).encode()
    yield "challenge at the end of numbers", good._replace(challenge_at=2**256 - 1).encode()
    yield "a type that begins in the length's last byte", _wrapped().encode()
    yield "one word too long", KEY.assertion(DIGEST, client=client_data(DIGEST).ljust(_LONGEST_CLIENT + 1)).low.encode()
    yield "another key's", Passkey(bytes(20), ec.derive_private_key(12, ec.SECP256R1())).sign(DIGEST)
    yield "over the digest itself", Assertion(*KEY.sign_raw(DIGEST, b""), 23, 1, bytes(37), b"").low.encode()


def _short() -> Assertion:
    authenticator, client = bytes(32) + bytes([PRESENT | VERIFIED]) + bytes(3), client_data(DIGEST)
    return Assertion.of_browser(*KEY.sign_raw(authenticator, client), authenticator, client).low


def _with_client(client: bytes) -> Assertion:
    authenticator = KEY.assertion(DIGEST).authenticator_data
    return Assertion.of_browser(*KEY.sign_raw(authenticator, client), authenticator, client).low


def _wrapped() -> Assertion:
    """0x0122 bytes: the length ends in a quotation mark, and an index of -1 would begin there."""
    start = client_data(DIGEST).removeprefix(b'{"')
    client = start + b" " * (0x122 - len(start))
    authenticator = KEY.assertion(DIGEST).authenticator_data
    r, s = KEY.sign_raw(authenticator, client)
    return Assertion(r, s, client.index(b'"challenge"'), 2**256 - 1, authenticator, client).low


def document() -> dict[str, object]:
    cases = [
        *({"name": name, "signature": "0x" + one.low.encode().hex(), "accepted": True} for name, one in accepted()),
        *({"name": name, "signature": "0x" + raw.hex(), "accepted": False} for name, raw in refused()),
    ]
    return {"key": "0x" + KEY.signer[20:].hex(), "digest": "0x" + DIGEST.hex(), "cases": cases}


if __name__ == "__main__":
    FILE.write_text(json.dumps(document(), indent=1) + "\n", encoding="utf-8")
