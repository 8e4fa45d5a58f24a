"""Pages for people, as `scripts/web build` makes them of backend/web, and the routes that serve them."""
