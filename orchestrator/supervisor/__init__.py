"""The processes of a farm on one machine: broker, worker, tick and dashboard under one supervisor.

    supervise    the loop: start, look after, rotate logs, drain
    parts        one process: started again when it dies, ever later when it dies at once
    tether       the small program that a part starts through, so that it never outlives its supervisor
    rotation     log files that do not grow without bound
    state        what others may know of a supervisor: its lock, and who its parts are
    clients      commands that need the farm while they wait

One lock in the state home names the supervisor; the kernel releases it, so a crashed one is no obstacle.
"""
