"""Output for a person: tables, figures, pages, progress."""
