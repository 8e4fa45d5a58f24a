"""The page where a wallet's browser ends: it shows the code that the presentation gave, and for which key."""

from __future__ import annotations

import base64
from hashlib import sha256

_SCRIPT = """
const told = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname);
document.getElementById("code").textContent = told.get("code") ?? "no code: begin anew";
document.getElementById("key").textContent = told.get("key") ?? "none";
"""
_STYLE = "body{font:1.1rem/1.5 sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem}code{overflow-wrap:anywhere}"


def _hash_of(text: str) -> str:
    """As a content security policy names an inline script or style (CSP Level 3)."""
    return "'sha256-" + base64.b64encode(sha256(text.encode()).digest()).decode() + "'"


SHOWN_PAGE = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Your code</title>
<style>{_STYLE}</style></head>
<body>
<h1>Your code</h1>
<p><code id="code">this page needs scripts</code></p>
<p>Enter it where you began, within ten minutes. It ties you to this key and to no other: <code id="key"></code></p>
<p>Tell it nobody. Who sent you here by a link or a picture of his own wants to consent in your name.</p>
<script>{_SCRIPT}</script>
</body>
</html>
"""
SHOWN_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; script-src {_hash_of(_SCRIPT)}; style-src {_hash_of(_STYLE)}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
