"""A user's own code: how it is named, hashed, imported, and what options it takes."""
