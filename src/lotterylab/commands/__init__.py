"""The commands: each a dataclass of typed options, and what it does when called.

``line`` makes one of them from the words of a command line; ``main`` says which.
"""
