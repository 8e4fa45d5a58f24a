"""Values and pure rules. Nothing in this room does I/O or imports another room."""
