"""The time, and identifiers that sort by it."""

import secrets
import threading
import time
from datetime import UTC, datetime

_RANDOM_BITS = 74
_RAND_B_BITS = 62


class SystemClock:
    """The `Clock` port on the machine's clock."""

    def now(self) -> datetime:
        """See the port."""
        return datetime.now(UTC)


class StillClock:
    """A clock that stands still until it is set."""

    def __init__(self, at: datetime) -> None:
        """Begin at an instant."""
        self.at = at

    def now(self) -> datetime:
        """See the port."""
        return self.at


class UuidV7:
    """The `Ids` port: UUIDv7 by RFC 9562, section 6.2, method 2 (monotonic random). Safe to use from threads.

    Within a millisecond, and while the clock runs backwards, the 74 random bits of the last id are raised by a random
    step of up to 2^32, so that ids neither repeat nor can be guessed from one another.
    """

    def __init__(self) -> None:
        """Nothing was made yet."""
        self._lock = threading.Lock()
        self._moment = 0
        self._random = 0

    def new(self) -> str:
        """See the port."""
        with self._lock:
            moment = time.time_ns() // 1_000_000
            if moment > self._moment:
                self._moment = moment
                # the highest bit is left free, so that the steps of one millisecond have room
                self._random = secrets.randbits(_RANDOM_BITS - 1)
            else:
                self._random += 1 + secrets.randbits(32)
                if self._random >> _RANDOM_BITS:
                    self._moment += 1
                    self._random = secrets.randbits(_RANDOM_BITS - 1)
            return _text(self._moment, self._random)


def _text(moment: int, random: int) -> str:
    """The canonical text: 48 bits of Unix milliseconds, version, 12 random bits, variant, 62 random bits."""
    rand_a, rand_b = random >> _RAND_B_BITS, random & (1 << _RAND_B_BITS) - 1
    digits = f"{moment << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << _RAND_B_BITS | rand_b:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
