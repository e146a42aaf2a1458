"""The command `freehold` without its start: a process that has everything imported, and forks for each call.

Started with the path of a socket. Whoever connects hands over its three streams, and as JSON its arguments, folder and
environment; it is told the exit code. Nothing is different from the command that is installed.
"""

import json
import os
import socket
import sys
from pathlib import Path

CALL = """\
#!{python} -IS
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({socket!r})
told = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [len(told).to_bytes(8, "big")], [0, 1, 2])
server.sendall(told)
sys.exit(int(server.makefile().read() or 70))
"""
"""the program `freehold` in a page's shell"""


def _run(arguments: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> int:
    from entrypoints.cli import main

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["freehold", *arguments]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def serve(path: Path) -> None:
    """Until the process is ended."""
    import entrypoints.cli  # noqa: F401  what takes so long

    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    while True:
        caller, _ = listening.accept()
        size, streams, _, _ = socket.recv_fds(caller, 8, 3)
        told = caller.makefile("rb").read(int.from_bytes(size, "big"))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                arguments, folder, environment = json.loads(told)
                code = _run(arguments, folder, environment, streams)
            finally:
                os._exit(code)
        for stream in streams:
            os.close(stream)
        _, status = os.waitpid(child, 0)
        caller.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        caller.close()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
