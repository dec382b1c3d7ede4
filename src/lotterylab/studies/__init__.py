"""Studies: one question, one file."""
