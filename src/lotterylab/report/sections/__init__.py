"""The sections of the page: each is a function from the material to its HTML."""
