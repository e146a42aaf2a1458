"""Everything that a test has logged, written as the service writes it, and searched for what must not be in it."""

import json
import logging
import re
from typing import Any

from entrypoints.logs import formatter

SHORTEST = 8
"""characters; what is shorter turns up in any text"""
_PLAIN = re.compile(r"[a-z_]+|[0-9a-f-]{36}|\d{4}-\d\d-\d\dT[\d:.]+Z")
"""words of specifications, ids and times: nobody's secrets"""


class Log(logging.Handler):
    """What is logged during one test, and what was sent and answered in it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(formatter(as_json=True))
        self.lines: list[str] = []
        self.errors: list[str] = []
        """lines that tell of a defect"""
        self.private: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging`."""
        if record.name.startswith("http"):
            return  # the tests' own client
        self.lines.append(self.format(record))
        if record.levelno >= logging.ERROR:
            self.errors.append(self.lines[-1])

    def remember(self, value: Any) -> None:
        """Take note of tokens, passwords and contents: every text in a message."""
        if isinstance(value, dict):
            for inner in value.values():
                self.remember(inner)
        elif isinstance(value, list):
            for inner in value:
                self.remember(inner)
        elif isinstance(value, bytes):
            try:
                self.remember(json.loads(value))
            except (ValueError, RecursionError):
                return
        elif isinstance(value, str) and len(value) >= SHORTEST and not _PLAIN.fullmatch(value):
            self.private.add(value)

    def leaked(self) -> list[str]:
        """What should not be in the log, and is: as it was, or as JSON writes it."""
        text = "\n".join(self.lines)
        return sorted(word for word in self.private if word in text or json.dumps(word)[1:-1] in text) if text else []


current = Log()
"""that of the present test"""
