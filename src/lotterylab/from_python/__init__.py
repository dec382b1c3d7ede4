"""Calls from a notebook or a script: tickets of a user's own loop, and studies."""
