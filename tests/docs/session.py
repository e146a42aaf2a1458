"""A shell in which a page's commands are run in order, and what they print is held against what the page shows."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.docs.pages import REPOSITORY
from tests.docs.quickly import CALL
from tests.serving import PATIENCE, Served, wait_until_ready

SHOWN_URL = "http://127.0.0.1:8000"
SERVES = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:freehold (?:dev|serve)|python3 dev\.py serve|\S+/python examples/\S+\.py)\b.*"
)
VOLATILE = {
    "id": r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z",
    "day": r"20\d\d-\d\d-\d\d",
    "tag": r"\b[0-9a-f]{24}\b",
    "request": r"\b[0-9a-f]{16}\b",
    "revision": r"\b000\d_[0-9a-f]{8}\b",
    "password": r'(?<=password\\":\\")[^\\]+',
    "token": r"\bfh[kle]_[A-Za-z0-9_-]{20,}|\b[A-Za-z0-9_-]{43,}(?![A-Za-z0-9_-])",
}
"""what is different each time; what is told by `KEPT` is the same wherever the page shows the same"""
KEPT = ("id", "tag", "revision", "password", "token")
SCRIPTS = Path(sys.executable).absolute().parent
_PIECES = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in VOLATILE.items()) + "|(?P<any>…)")
_END = "the command has ended:"


class NotAsShown(AssertionError):
    """What a command printed, or how it ended, is not what the page says."""


@dataclass
class Session:
    """A shell in a temporary folder; `freehold` and `curl` are there, and no settings."""

    folder: Path
    shell: "subprocess.Popen[str]"
    command: Path
    """the folder of the command `freehold`"""
    known: dict[str, str] = field(default_factory=dict)
    """what stands on the page → what it is this time"""
    server: Served | None = None

    def run(self, command: str) -> tuple[int, str]:
        """Its exit code, and what it printed on either way out."""
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        self._bring_examples(command)
        translated = self._translated(command)
        if command.endswith("/activate"):
            translated += f"\nPATH={self.command}:$PATH"  # ours stays before the environment's
        self.shell.stdin.write(f"{{ {translated}\n}} </dev/null 2>&1\nprintf '\\n%s%d\\n' '{_END}' $?\n")
        self.shell.stdin.flush()
        printed = ""
        for line in self.shell.stdout:
            if line.startswith(_END):
                lines = printed.removesuffix("\n").splitlines()
                return int(line.removeprefix(_END)), "".join(f"{each.rstrip()}\n" for each in lines)
            printed += line
        raise NotAsShown(f"`{command}` ended the shell: {printed}")

    def show(self, command: str, shown: str, code: int | None = None) -> None:
        """Run a command of a page, and hold what it prints against what the page shows."""
        serves = SERVES.fullmatch(command)
        if serves is not None:
            self._serve(command, shown)
            return
        found, printed = self.run(command)
        if code is not None and found != code:
            raise NotAsShown(f"`{command}` ended with {found}:\n{printed}")
        self._hold(command, shown, printed)

    def _hold(self, command: str, shown: str, printed: str, *, whole: bool = True) -> None:
        pattern, names = self._pattern(shown)
        found = re.fullmatch(pattern, printed) if whole else re.match(pattern, printed)
        if found is None:
            raise NotAsShown(f"`{command}` printed:\n{printed}\nand the page shows:\n{shown}")
        for name, value in zip(names, found.groups(), strict=True):
            if self.known.setdefault(name, value) != value:
                raise NotAsShown(f"`{command}`: {name} was {self.known[name]} before, and is {value}")

    def _pattern(self, shown: str) -> tuple[str, list[str]]:
        """What is shown as a pattern, and what each of its groups is on the page."""
        pattern, names = "", []
        for line in shown.splitlines(keepends=True):
            if line.strip() == "…":
                pattern += r"(?:.*\n)*?"
                continue
            at = 0
            for piece in _PIECES.finditer(line):
                pattern += re.escape(line[at : piece.start()])
                at = piece.end()
                kind = str(piece.lastgroup)
                if kind == "any":
                    pattern += ".*?"
                elif kind in KEPT and piece[0] in self.known:
                    pattern += re.escape(self.known[piece[0]])
                elif kind in KEPT:
                    pattern += f"({VOLATILE[kind]})"
                    names.append(piece[0])
                else:
                    pattern += VOLATILE[kind]
            pattern += re.escape(line[at:])
        if self.server is not None:
            pattern = pattern.replace(re.escape(SHOWN_URL), re.escape(self.server.url))
        return pattern, names

    def _translated(self, text: str) -> str:
        if self.server is not None:
            text = text.replace(SHOWN_URL, self.server.url)
        for shown in sorted(self.known, key=len, reverse=True):
            text = text.replace(shown, self.known[shown])
        return text

    def _serve(self, command: str, shown: str) -> None:
        """Serve in the background, in place of the server before; then paste what it says is to be pasted."""
        self.end_server()
        log = self.folder / "server.log"
        port = _free_port()
        # whoever serves is started as it is: it may start others
        told = re.sub(r"^((?:[A-Z_]+=\S+ )*)freehold ", rf"\1{SCRIPTS}/freehold ", command)
        told = told.replace("python3 dev.py serve", f"{SCRIPTS}/freehold dev examples/notes --seed")
        self._bring_examples(told)
        told = re.sub(r" --port \d+", "", told)
        self.shell.stdin.write(f"{told} --port {port} >{log} 2>&1 </dev/null &\n")  # type: ignore[union-attr]
        code, number = self.run("echo $!")
        assert code == 0
        process = _Process(int(number))
        self.server = Served(f"http://127.0.0.1:{port}", process, log)  # type: ignore[arg-type]
        wait_until_ready(self.server)
        printed = "".join(f"{line.rstrip()}\n" for line in log.read_text("utf-8").splitlines())
        self._hold(command, shown, printed, whole=False)
        if "Paste this" in printed:
            self.run("\n".join(re.findall(r"^  (.+)$", printed.partition("\n  #")[0], re.MULTILINE)))
        self.run(f"URL={self.server.url}")

    def _bring_examples(self, command: str) -> None:
        """Copies of those that a command names: they are served from the folder in which they stand."""
        for name in re.findall(r"\bexamples/\w+", command):
            if not (self.folder / name).exists():
                without = shutil.ignore_patterns("*.db*", ".freehold-secret", "__pycache__", "node_modules")
                shutil.copytree(REPOSITORY / name, self.folder / name, ignore=without)

    def end_server(self) -> None:
        """In peace."""
        if self.server is not None:
            self.run(f"kill -TERM {self.server.process.pid}; wait {self.server.process.pid}")
            self.server = None


@dataclass
class _Process:
    """Somebody else's child."""

    pid: int

    def poll(self) -> int | None:
        """None while it lives."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 1
        return None


@contextmanager
def quick(folder: Path) -> Iterator[Path]:
    """A folder with the command `freehold`, which starts at once."""
    path, command = folder / "socket", folder / "bin" / "freehold"
    command.parent.mkdir()
    command.write_text(CALL.format(python=sys.executable, socket=str(path)), "utf-8")
    command.chmod(0o755)
    environment = {**_without_settings(), "COLUMNS": "80", "NO_COLOR": "1"}
    program = [sys.executable, "-m", "tests.docs.quickly", str(path)]
    server = subprocess.Popen(program, cwd=REPOSITORY, env=environment)
    try:
        deadline = time.monotonic() + PATIENCE
        while not path.exists():
            assert server.poll() is None, "it ended"
            assert time.monotonic() < deadline, "it never listens"
            time.sleep(0.02)
        yield command.parent
    finally:
        server.kill()
        server.wait()


def _without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("FREEHOLD_")}


@contextmanager
def session(folder: Path, freehold: Path) -> Iterator[Session]:
    """A shell of its own; what it started ends with it. `freehold` is the folder of that command (see `quickly.py`)."""
    environment = _without_settings()
    environment |= {
        "PATH": f"{freehold}:{SCRIPTS}:{environment['PATH']}",
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    environment |= {"FREEHOLD_RATE_LIMITS": "off", "HOME": str(folder)}
    (folder / ".curlrc").write_text("silent\nshow-error\n")
    (folder / ".venv").symlink_to(SCRIPTS.parent)
    shell = subprocess.Popen(
        ["bash", "--norc", "--noprofile"],  # noqa: S607
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    found = Session(folder, shell, freehold)
    try:
        found.run("git init --quiet . ; git config user.name Ann")
        yield found
        found.end_server()
    finally:
        _close(shell.stdin)
        os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()
        _close(shell.stdout)


def _close(stream: IO[str] | None) -> None:
    assert stream is not None
    stream.close()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
