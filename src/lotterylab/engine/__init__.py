"""The engine: the one place where plans meet methods, and the only one with effects."""
