"""The commands: each is a dataclass of typed options that acts when it is called.

``main`` chooses the command, and ``line`` makes it from the words of a command line.
"""
