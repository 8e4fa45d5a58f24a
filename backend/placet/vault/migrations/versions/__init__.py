"""One revision a file, in order; a revision is never changed once it is released."""
