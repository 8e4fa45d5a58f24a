"""Models as data, and how good they are: pure rules and numbers, which import the core alone."""
