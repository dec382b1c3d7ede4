"""Compiled kernels: C that the machine's own compiler makes once, for its own processor."""
