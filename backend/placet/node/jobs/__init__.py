"""Jobs at the API for the institution and auditors, and the link on which peers ask about them."""
