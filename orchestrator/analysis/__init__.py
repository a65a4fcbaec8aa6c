"""Statistics and verdicts: numpy and scipy, no SQL, no clock, no files. Raw figures in, answers out."""
