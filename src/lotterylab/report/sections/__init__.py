"""The sections of the page: each a function from the material to its HTML."""
