"""How Freehold is started: settings, the container, the ASGI app and the `freehold` command."""

import signal
from contextlib import suppress
from multiprocessing import parent_process

if parent_process() is not None:
    # a worker: Ctrl-C reaches the whole group, but it is the parent who ends its workers
    with suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
