"""Calling a module of any origin so that nothing of it, of its inputs or of the global generators is changed."""
