"""Plans: frozen values that say what would be computed."""
