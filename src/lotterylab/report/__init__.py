"""What a person sees: tables, figures, pages, progress."""
