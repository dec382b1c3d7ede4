"""The version of the package, which stands in each record."""

__version__ = "0.1.0"
