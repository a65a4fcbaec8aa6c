"""Simulated Pis: the surroundings of a board without the board. Everything that is measured on them is real.

A simulated board is an SSH server on this machine with a home folder, a hardware tree as the kernel shows it,
and a thermal model that is heated by the processor time that its active run really uses. Its clock and
throttle bits are what a Pi's firmware would make of that heat. Inference runs at the speed of the host at the board's
highest clock, and is slowed by any lower one. Needs asyncssh: `pip install "pifarm[sim]"`.
"""
