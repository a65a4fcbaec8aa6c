"""A run's way through the farm: it is picked, staged, started, looked after, taken in and settled, under a lease."""
