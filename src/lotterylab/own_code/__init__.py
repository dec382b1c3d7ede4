"""A user's own code is imported by its reference, named by its hash, and given checked options."""
