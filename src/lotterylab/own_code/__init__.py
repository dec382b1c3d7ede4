"""A user's own code is imported by its reference, named by the code that it runs, and given checked options."""
