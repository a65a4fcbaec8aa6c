"""Temperature against inference speed, boards without cooling beside boards with a fan: the question that pifarm began
with, as a study on simulated boards."""
