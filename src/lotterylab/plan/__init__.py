"""Plans are frozen values that describe computations."""
