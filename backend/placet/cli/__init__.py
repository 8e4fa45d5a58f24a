"""The `placet` program. Heavy libraries are imported inside the commands that need them: starting must be quick."""
