"""Training: recipes, optimizers, schedules, the loop, and masks held in a user's own loop."""
