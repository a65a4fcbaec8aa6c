"""A process that races for a device's lease; it writes a line when it has it and a line before it gives it back."""

import json
import os
import sys
import time
from pathlib import Path

from orchestrator.attending import leases
from orchestrator.db.session import Database, open_engine


def race(database: Database, device_id: int, record: Path, rounds: int) -> None:
    """Hold the lease so many times."""
    held = 0
    while held < rounds:
        lease = leases.take(database, device_id, f"process-{os.getpid()}")
        if lease is None:
            time.sleep(0.002)
            continue
        for _ in range(2):
            with record.open("a") as file:
                file.write(json.dumps({"pid": os.getpid(), "fence": lease.fence}) + "\n")
            assert leases.renew(database, lease)
        leases.release(database, lease, None)
        held += 1


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    race(
        Database(open_engine(os.environ["PIFARM_DATABASE_URL"])),
        given["device_id"],
        Path(given["record"]),
        given["rounds"],
    )
