"""A leaderboard's groups put side by side, where the same model was ranked cold and hot on one type of board. Pure."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.wire.spec import Regime
from orchestrator.queries.leaderboard_rows import Group, LeaderboardRow

Rows = Sequence[LeaderboardRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One variant in both regimes; None where it was not ranked in that one."""

    variant: str
    burst: LeaderboardRow | None
    sustained: LeaderboardRow | None

    @property
    def either(self) -> LeaderboardRow:
        """A row of it: what holds in both regimes is the same in each."""
        row = self.burst or self.sustained
        assert row is not None, "a line is made of a row"
        return row


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Two groups of rows that stand for each other."""

    burst: Rows
    sustained: Rows

    @property
    def lines(self) -> tuple[Line, ...]:
        """A line for each variant, in order of the burst, then those that were ranked hot alone."""
        cold, hot = ({row.variant: row for row in rows} for rows in (self.burst, self.sustained))
        return tuple(
            Line(variant=name, burst=cold.get(name), sustained=hot.get(name)) for name in dict.fromkeys([*cold, *hot])
        )


def sections(rows: Rows) -> Iterator[Pairing | Rows]:
    """The groups in their order: two that name each other as the other regime as a `Pairing`, others as they are."""
    groups = {group: list(own) for group, own in itertools.groupby(rows, key=lambda row: row.group)}
    shown: set[Group] = set()
    for group, own in groups.items():
        other = _other(own)
        if group in shown:
            continue
        if other is None or other not in groups or _other(groups[other]) != group:
            yield own
        else:
            shown.add(other)
            yield _pairing(groups, group, other)


def _other(rows: Rows) -> Group | None:
    """The group that stands for this one in the other regime."""
    told = next((row.other_regime for row in rows if row.other_regime is not None), None)
    return None if told is None else replace(rows[0].group, regime=told.regime, protocol=told.protocol)


def _pairing(groups: Mapping[Group, Rows], one: Group, other: Group) -> Pairing:
    burst, sustained = (one, other) if one.regime == Regime.BURST.value else (other, one)
    return Pairing(burst=groups[burst], sustained=groups[sustained])
