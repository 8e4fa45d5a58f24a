"""Files for browsers, as `scripts/web verifier` gathered them; `placet.pages.verifier` reads them."""
