"""What is asked of a server: first that it has the same records and the same rule, then the five operations."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from json import dumps
from random import Random
from typing import Final

from benchmarks.data import SEED, STATUSES, Account, Data, Note, Notebook
from benchmarks.load import SERIAL
from benchmarks.processes import Answer, Trouble, ask
from benchmarks.servers import Call, Server

OPERATIONS: Final = {
    "A": "get one",
    "B": "list the newest 20",
    "C": "create",
    "D": "patch",
    "E": "80 % A and B, 20 % C and D",
}
OWN: Final = 0.9
"""share of the requests that are about the caller's own notebooks; the others are about ones shared with him"""
VARIETY: Final = {"A": 20_000, "B": 2_000, "C": 4_000, "D": 20_000, "E": 20_000}
"""different requests made before the run, which takes them in turn"""
REFUSALS: Final = (400, 403, 404, 406, 422)
"""what servers say to one who may read but not write; which of these is a matter of style"""

Tokens = Mapping[Account, str]


class Workload:
    """Who may do what in some data, and requests about it."""

    def __init__(self, data: Data) -> None:
        """Sort the data by account."""
        self.data = data
        self._own: dict[Account, list[Notebook]] = defaultdict(list)
        self._shared: dict[Account, dict[str, list[Notebook]]] = defaultdict(lambda: defaultdict(list))
        self._notes: dict[Notebook, list[Note]] = defaultdict(list)
        for notebook in data.notebooks:
            self._own[notebook.owner].append(notebook)
        for member in data.members:
            self._shared[member.account][member.role].append(member.notebook)
        for note in data.notes:
            self._notes[note.notebook].append(note)

    # ---- the same records and the same rule

    def verify(self, server: Server, port: int, tokens: Tokens) -> None:
        """Ask as two accounts what they may and may not. Raises `Trouble` at the first difference."""
        for account in self.data.accounts[:2]:
            self._verify(server, port, account, tokens[account])

    def _verify(self, server: Server, port: int, account: Account, token: str) -> None:
        def expect(what: str, call: Call, allowed: Callable[[Answer], bool]) -> None:
            answer = ask(port, call.method, call.path, call.body, token=token, further=call.headers)
            if not allowed(answer):
                raise Trouble(f"{account.email}, {what}: {call.method} {call.path} was answered {answer}")

        def is_same(note: Note) -> Callable[[Answer], bool]:
            wanted = {"title": note.title, "body": self.data.text(note), "status": note.status}
            return lambda answer: answer.status == 200 and wanted.items() <= dict(answer.body or {}).items()

        own = self._own[account][0]
        viewed, edited = (self._shared[account][role][0] for role in ("viewer", "editor"))
        readable = {*self._own[account], *self._shared[account]["viewer"], *self._shared[account]["editor"]}
        hidden = next(note for note in self.data.notes if note.notebook not in readable)
        for notebook in (own, viewed, edited):
            note = self._notes[notebook][0]
            expect("a readable note", server.get(note), is_same(note))
        expect("a hidden note", server.get(hidden), lambda answer: answer.status == server.hidden)
        refused = server.change(hidden, "x", "done")
        expect("a hidden note's change", refused, lambda answer: answer.status == server.hidden)
        newest = [note.title for note in reversed(self.data.notes) if note.notebook in readable][:20]
        expect(
            "the newest notes",
            server.newest(),
            lambda answer: answer.status == 200 and [item["title"] for item in server.items(answer.body)] == newest,
        )
        refused = server.change(self._notes[viewed][0], "x", "done")
        expect("a viewer's change", refused, lambda answer: answer.status in REFUSALS)
        for notebook in (viewed, hidden.notebook):
            refused = server.create(notebook, account, "x", "x", "open")
            expect("a note where only others write", refused, lambda answer: answer.status in REFUSALS)

    # ---- the operations

    def requests(self, operation: str, server: Server, port: int, tokens: Tokens) -> list[tuple[str, int]]:
        """Texts of requests with the status that must answer each, always the same ones in the same order."""
        random = Random(SEED)
        calls = (self._call(operation, server, random) for _ in range(VARIETY[operation]))
        return [(text_of(port, call, tokens[account]), call.status) for account, call in calls]

    def _call(self, operation: str, server: Server, random: Random) -> tuple[Account, Call]:
        account = random.choice(self.data.accounts)
        if operation == "E":
            operation = random.choices("ABCD", (40, 40, 10, 10))[0]
        status = random.choice(STATUSES)
        title = f"Note {SERIAL}"
        match operation:
            case "A":
                return account, server.get(random.choice(self._notes[self._notebook(account, random, "viewer")]))
            case "B":
                return account, server.newest()
            case "C":
                notebook = self._notebook(account, random, "editor")
                return account, server.create(notebook, account, title, self.data.any_text(random), status)
            case _:
                note = random.choice(self._notes[self._notebook(account, random, "editor")])
                return account, server.change(note, title, status)

    def _notebook(self, account: Account, random: Random, role: str) -> Notebook:
        """One's own, or one in which one has a role at least as strong."""
        if random.random() < OWN:
            return random.choice(self._own[account])
        shared = self._shared[account]
        return random.choice(shared["editor"] + (shared["viewer"] if role == "viewer" else []))


def text_of(port: int, call: Call, token: str | None) -> str:
    """A request as it is sent."""
    lines = [f"{call.method} {call.path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += [f"{name}: {value}" for name, value in call.headers.items()]
    body = ""
    if call.body is not None:
        body = dumps(call.body)
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", body])
