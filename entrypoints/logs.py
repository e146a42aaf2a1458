"""What is logged, and how: one line an event, to standard error, without anything that a caller sent.

An exception's message may quote a record, a token or a password. So of an exception only its type and the places in
the code are written.
"""

import logging
import sys
import traceback
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from adapters.http.app import REQUEST

_QUIET = ("uvicorn", "alembic", "watchfiles")
"""from which only warnings are of interest"""


def configure() -> None:
    """Log to standard error: lines for people on a terminal, JSON for programs."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(as_json=not sys.stderr.isatty()))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def formatter(*, as_json: bool) -> logging.Formatter:
    """Renders the records of every library's logger alike, each with the id of the request that it belongs to."""
    shown: Processor = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            _request,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _first_line, _without_words, shown],
    )


def _request(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """The id of the request during which this is logged, if there is one."""
    request_id = REQUEST.get(None)
    if request_id is not None:
        event["request_id"] = request_id
    return event


def _first_line(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """Without what asyncio and uvicorn write below it: what an object looks like."""
    event["event"] = str(event["event"]).partition("\n")[0]
    return event


def _without_words(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """An exception as where it came from, without what it says."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["exception"] = "\n".join(_places(error))
    return event


def _places(error: BaseException | None) -> list[str]:
    """The types and code lines of an exception and of what led to it, the first cause last."""
    lines: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # what leads to what may go round
        seen.add(id(error))
        lines.append(f"{type(error).__module__}.{type(error).__qualname__}")
        lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in _frames(error.__traceback__)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return lines


def _frames(found: TracebackType | None) -> traceback.StackSummary:
    return traceback.extract_tb(found)
