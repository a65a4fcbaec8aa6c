"""What a soak says of a board's heat: fit, onset, stability, predictions. Pure: arrays in, values out."""
