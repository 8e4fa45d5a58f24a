"""X.509 certificates of others (RFC 5280): what can go wrong with one before anything is known of it."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

MALFORMED = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UserWarning,
)
"""All that reading a certificate, or a key out of one, raises for what is none; a warning where a process makes errors
of warnings."""
