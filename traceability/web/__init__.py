"""Pages for people: one field to scan into, one answer to read at arm's length, and the way to check it."""
