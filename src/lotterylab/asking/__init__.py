"""Requests of a person: options, names and values from a command line, a file or a notebook."""
