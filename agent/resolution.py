"""How finely the inferences of a sustained run are written down, so that an hour of them takes little disk.

The clock reads as one that ticks in units would: each start and each end is cut to a whole unit, so that order stays,
no error adds up, and a duration is off by less than a unit. A unit is a power of two of nanoseconds, at most 2^-14 of
the shortest inference (6.1e-5) and at most 128 ns: a Raspberry Pi's own clock ticks every 18 or 52 ns.
"""

from agent.frames import Chunk
from agent.wire.lanes import repeat, to_lanes
from agent.wire.packed import PackedInferences, pack_columns
from agent.wire.spec import Protocol, Regime

LONGEST_UNIT_NS = 128
_SHARE_BITS = 14  # a unit is at most 2^-14 of an inference


class Resolution:
    """Makes journal records of what the measuring process timed; other than sustained runs are exact.

    Lifecycle: one per attempt; its unit becomes finer where a chunk has a shorter inference, and never coarser: units
    are powers of two, so that no cut end comes after the cut start behind it.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._unit_ns = LONGEST_UNIT_NS if protocol.regime is Regime.SUSTAINED else 1

    def record(self, chunk: Chunk, origin_ns: int) -> PackedInferences:
        """The chunk's inferences, times since `origin_ns`."""
        self._unit_ns = unit_ns = min(self._unit_ns, unit_for(min(chunk.durations_ns)))
        count, whole_units = len(chunk.starts_ns), repeat(2**64 - unit_ns, len(chunk.starts_ns))
        starts_ns = to_lanes(chunk.starts_ns) - repeat(origin_ns, count)
        ends_ns = (starts_ns + to_lanes(chunk.durations_ns)) & whole_units
        starts_ns &= whole_units
        return PackedInferences(
            phase=chunk.phase,
            first_index=chunk.first_index,
            start_ns=(chunk.starts_ns[0] - origin_ns) & -unit_ns,
            count=count,
            columns=pack_columns(starts_ns, ends_ns - starts_ns, count, unit_ns),
            unit_ns=unit_ns,
            segment=chunk.segment,
        )


def unit_for(shortest_ns: int) -> int:
    """The unit for inferences of which none is shorter; 1 below 33 microseconds."""
    return min(1 << max((shortest_ns >> _SHARE_BITS).bit_length() - 1, 0), LONGEST_UNIT_NS)
