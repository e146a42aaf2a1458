"""Forgets what is over, now and then beside serving."""

import asyncio
import logging
from random import SystemRandom

from application.sessions import SessionUseCases
from domain.errors import Unavailable

log = logging.getLogger("freehold.tidying")

FIRST, BETWEEN = 60.0, 3600.0
"""seconds within which it begins, and between two times; each process waits for another part of the first"""
BREATH = 0.1
"""seconds for others between two units of work"""


async def tidy(sessions: SessionUseCases) -> None:
    """Forget sessions that are past their end, until cancelled."""
    wait = SystemRandom().uniform(0, FIRST)
    while True:
        await asyncio.sleep(wait)
        wait = BETWEEN
        try:
            if await sessions.clean():
                wait = BREATH
        except Unavailable:
            log.warning("what is over cannot be forgotten now; it is tried again")
        except Exception:
            log.exception("a defect, in forgetting what is over")
