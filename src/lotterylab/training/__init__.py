"""Training: recipes, optimizers, schedules, the loop, and masks held in a loop of your own."""
