"""Stand-ins for the compiled packages that no browser has, by @noble's curves and hashes (the module `noble`).

Real are Keccak-256, recovery over secp256k1 and verification over P-256. All else that is asked of these packages, and
of `cryptography` and numpy as wholes, is refused by its name: the check that needs it is incomplete, neither passed nor
failed (`placet.audit.findings.Uncheckable`).
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
import types

import noble
from pyodide.ffi import to_js

ROOMS = ("cryptography", "numpy")
EVIDENCE = "placet.protocols.enclave.evidence.verify"
"""What reads certificates and vendors' formats: refused as a whole, before it could take a stand-in for an answer."""


def refuse(name):
    from placet.audit.findings import Uncheckable

    raise Uncheckable(f"{name}: not checked in a browser, use placet audit")


def bytes_to_js(content):
    return to_js(bytes(content))


class Refused(type):
    """A class of which nothing but its name is there: it may stand in annotations and after `except`."""

    def __call__(cls, *words, **named):
        refuse(f"{cls.__module__}.{cls.__name__}")

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return refused(f"{cls.__module__}.{cls.__name__}", name)

    def __getitem__(cls, item):
        return cls

    def __or__(cls, other):
        return cls


def refused(module, name):
    return Refused(name, (BaseException,), {"__module__": module})


class Module(types.ModuleType):
    """A module whose names are all refused but those in `CONTENTS`."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        whole = f"{self.__name__}.{name}"
        value = importlib.import_module(whole) if whole in CONTENTS else refused(self.__name__, name)
        setattr(self, name, value)
        return value


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The modules of `CONTENTS`, and everything in `ROOMS`."""

    def find_spec(self, name, path, target=None):
        if name == EVIDENCE:
            refuse("evidence of enclaves")
        if name in CONTENTS or name.partition(".")[0] in ROOMS:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return Module(spec.name)

    def exec_module(self, module):
        module.__dict__.update(CONTENTS.get(module.__name__, {}))


class Keccak256:
    def __init__(self, data=b""):
        self._data = bytearray(data)

    def update(self, data):
        self._data += data

    def copy(self):
        return Keccak256(self._data)

    def digest(self):
        return noble.keccak(bytes_to_js(self._data)).to_bytes()

    def hexdigest(self):
        return self.digest().hex()


class PublicKey:
    """A point of secp256k1."""

    def __init__(self, point):
        self._point = point

    @classmethod
    def from_signature_and_message(cls, signature, message, hasher=None):
        point = noble.recover(bytes_to_js(signature), bytes_to_js(message))
        if point is None:
            raise Exception("no point is the signer's")  # as coincurve does
        return cls(point.to_bytes())

    def format(self, compressed=True):
        if compressed:
            refuse("a compressed point")
        return self._point


class Memory:
    """What libsecp256k1 reads and writes, as cffi hands it out: a point's bytes, or a value without a form."""

    def __init__(self, kind, value=None):
        self.bytes, self.value = bytearray(65), value

    def __add__(self, offset):
        return memoryview(self.bytes)[offset:]


class Foreign:
    """cffi's `ffi`."""

    new = Memory

    @staticmethod
    def buffer(view, size):
        return view[:size]


class Secp256k1:
    """The three calls of libsecp256k1 that recover an address. The second says whether there is one."""

    @staticmethod
    def secp256k1_ecdsa_recoverable_signature_parse_compact(context, parsed, signature, parity):
        parsed.value = signature[:64] + bytes([parity])
        return 1

    @staticmethod
    def secp256k1_ecdsa_recover(context, key, parsed, digest):
        point = noble.recover(bytes_to_js(parsed.value), bytes_to_js(digest))
        key.value = None if point is None else point.to_bytes()
        return int(point is not None)

    @staticmethod
    def secp256k1_ec_pubkey_serialize(context, memory, size, key, form):
        memory.bytes[:] = key.value
        return 1


class Context:
    ctx = None


class P256:
    """A point of P-256."""

    def __init__(self, x, y):
        self._point = bytes_to_js(x.to_bytes(32, "big") + y.to_bytes(32, "big"))
        if not noble.onP256(self._point):
            raise ValueError("no point of P-256")

    def verify(self, signature, digest, algorithm):
        if not noble.verifyP256(bytes_to_js(signature), bytes_to_js(digest), self._point):
            raise InvalidSignature


class EllipticCurvePublicNumbers:
    def __init__(self, x, y, curve):
        if curve is not P256_CURVE:
            refuse("a curve that is not P-256")
        self._x, self._y = x, y

    def public_key(self):
        return P256(self._x, self._y)


class InvalidSignature(Exception):  # noqa: N818 - cryptography's name
    pass


class Named:
    """What is only handed on: a curve, a hash, a way to sign."""

    def __init__(self, *words):
        pass


P256_CURVE = Named()


def encode_dss_signature(r, s):
    """r ‖ s, since nobody but `P256.verify` reads it."""
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


_HAZMAT = "cryptography.hazmat.primitives"
CONTENTS = {
    "sha3": {"keccak_256": Keccak256},
    "coincurve": {"PublicKey": PublicKey},
    "coincurve._libsecp256k1": {"ffi": Foreign, "lib": Secp256k1},
    "coincurve.context": {"GLOBAL_CONTEXT": Context},
    "coincurve.flags": {"EC_UNCOMPRESSED": 2},
    "cryptography.exceptions": {"InvalidSignature": InvalidSignature},
    f"{_HAZMAT}.hashes": {"SHA256": Named},
    f"{_HAZMAT}.asymmetric.ec": {
        "ECDSA": Named,
        "SECP256R1": lambda: P256_CURVE,
        "EllipticCurvePublicNumbers": EllipticCurvePublicNumbers,
    },
    f"{_HAZMAT}.asymmetric.utils": {"Prehashed": Named, "encode_dss_signature": encode_dss_signature},
}
sys.meta_path.insert(0, Finder())
