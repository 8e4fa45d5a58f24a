"""An issuer of credentials and a wallet, by SD-JWT's reference implementation: what the enroller's other side is."""

from __future__ import annotations

import json
import time
from typing import Any

from jwcrypto.jwk import JWK
from sd_jwt.common import SDObj
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer

ISSUER, TYPE, CLAIM = "https://pid.example.eu", "urn:eudi:pid:1", ("personal_administrative_number",)


class Issuer:
    """Who says who persons are."""

    def __init__(self, name: str = ISSUER) -> None:
        self.name, self.key = name, JWK.generate(kty="EC", crv="P-256", kid="one")

    def keys(self) -> dict[str, Any]:
        """As the file of issuers has them."""
        return {"issuers": {self.name: {"keys": [json.loads(self.key.export_public())]}}}

    def credential(self, subject: str, holder: JWK, typ: str = "dc+sd-jwt", **claims: Any) -> str:
        said = {"iss": self.name, "vct": TYPE, "iat": int(time.time()) - 10, "exp": int(time.time()) + 3600} | claims
        shown = {SDObj(CLAIM[0]): subject, SDObj("family_name"): "Lovelace", SDObj("nationalities"): [SDObj("EE")]}
        payload = {name: value for name, value in said.items() if value is not None} | shown
        made = SDJWTIssuer(payload, self.key, holder, extra_header_parameters={"typ": typ, "kid": "one"})
        issued: str = made.sd_jwt_issuance
        return issued


class Wallet:
    """A person's key, and the credential that names it."""

    def __init__(self, issuer: Issuer, subject: str, **claims: Any) -> None:
        self.key = JWK.generate(kty="EC", crv="P-256")
        self.credential = issuer.credential(subject, JWK.from_json(self.key.export_public()), **claims)

    def shows(self, audience: str, nonce: str, disclosed: dict[str, Any] | None = None) -> str:
        holder = SDJWTHolder(self.credential)
        holder.create_presentation(
            {CLAIM[0]: True} if disclosed is None else disclosed, nonce=nonce, aud=audience, holder_key=self.key
        )
        presentation: str = holder.sd_jwt_presentation
        return presentation
