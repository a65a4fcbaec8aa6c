"""The forecast of a study as text: what is said before anything is queued. Pure."""

from collections.abc import Iterator, Sequence

from orchestrator.analysis.forecast import BoardForecast
from orchestrator.queries.forecast import Finds, Forecast
from orchestrator.text.numbers_text import ABSENT, counted, duration

MOST_SHOWN = 20
COLUMNS = ["device", "first gate", "later gates", "a run after it", "runs", "own work", "done in", "room may warm by"]


def board_rows(boards: Sequence[BoardForecast]) -> list[list[str]]:
    """The rows of a table about boards; the ones that end last are kept where there are many."""
    shown = sorted(boards, key=lambda board: -board.done_in_s)[:MOST_SHOWN]
    return [
        [
            board.device,
            duration(board.first_gate_s),
            duration(board.gate_s),
            f"{duration(board.run_s)} (floor {duration(board.floor_s)})",
            str(board.runs),
            duration(board.own_s),
            duration(board.done_in_s) + (f", {duration(board.queued_s)} waits before" if board.queued_s else ""),
            ABSENT if board.room_c is None else f"{board.room_c:.1f} °C",
        ]
        for board in sorted(shown, key=lambda board: board.device)
    ]


def lines(forecast: Forecast) -> Iterator[str]:
    """What the table does not say: the sum, what is assumed, and what such a study can find."""
    more = len(forecast.boards) - MOST_SHOWN
    if more > 0:
        yield f"and {counted(more, 'more device')}, done sooner"
    layout = " x ".join(
        (
            counted(forecast.variants, "variant"),
            counted(len(forecast.boards), "device"),
            counted(forecast.blocks, "block"),
        )
    )
    yield (
        f"{counted(forecast.runs, 'run')}: {layout}, done in about {duration(forecast.done_in_s)} if the farm runs"
        f"{_growth(forecast)}"
    )
    assumed = list(dict.fromkeys(each for board in forecast.boards for each in board.assumed))
    if assumed:
        yield f"assumed, until runs of these devices say it: {'; '.join(assumed)}"
    if any(board.room_c is not None for board in forecast.boards):
        yield "a colder room is made up for by warming the board; a warmer one beyond the table's lets gates time out"
    if forecast.finds is not None:
        yield finds_text(forecast, forecast.finds)


def finds_text(forecast: Forecast, finds: Finds) -> str:
    """What ratio so many blocks find, and how many blocks others need."""
    scatter = forecast.scatter
    source = "assumed" if scatter.is_assumed else f"as {scatter.freedom} degrees of freedom of earlier runs say"
    needed = ", ".join(
        f"{wanted.ratio - 1:.0%} {'more than there can be' if wanted.blocks is None else wanted.blocks}"
        for wanted in finds.wanted
    )
    return (
        f"{forecast.blocks} blocks {_reach(finds.reachable)} in four of five studies, if runs scatter by "
        f"{scatter.cv:.1%} ({source}); blocks that it takes to find: {needed}"
    )


def _reach(reachable: float | None) -> str:
    if reachable is None:
        return "tell nothing apart"
    return f"find a difference of {reachable - 1:.1%}" if reachable < 2 else f"find a factor of {reachable:.1f}"


def _growth(forecast: Forecast) -> str:
    if forecast.most_blocks == forecast.blocks:
        return ""
    return f"; blocks are added as results ask for them, at most {forecast.most_blocks}"
