"""The door of the API: who asks, how much and how often, how an error is told, and the routes for everybody."""
