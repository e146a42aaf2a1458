"""A story as a shell script with curl, to replay it against a server started for it."""

import json
import shlex

from application.proof.attempts import Attempt
from application.proof.people import name_of
from application.proof.stories import Story, did, given, renamed
from domain.snapshot import Snapshot
from domain.specification.model import Specification

START = """\
#!/bin/sh
# Start a server for this with an empty database, for it makes accounts: freehold dev DIR --yes
URL=${URL:-http://127.0.0.1:8000}
field() { sed "s/.*\\"$1\\":\\"\\([^\\"]*\\)\\".*/\\1/"; }
person() {
  curl -s "$URL/auth/register" -H 'Content-Type: application/json' \\
    -d "{\\"email\\":\\"$1@example.org\\",\\"password\\":\\"a long password for $1\\"}"
}
"""


def script(specification: Specification, story: Story) -> str:
    """The whole script; what the API cannot make stands in it as a comment."""
    lines = [START]
    text = repr((story.steps, story.last))
    accounts = [account for account in story.base.accounts if account in text]
    for account in accounts:
        name = name_of(story.base, account)
        lines.append(f'ANSWER=$(person {name.lower()}); {name.upper()}=$(echo "$ANSWER" | field access_token)')
        lines.append(f'{name.upper()}_ID=$(echo "$ANSWER" | sed \'s/.*"account":{{"id":"\\([^"]*\\)".*/\\1/\')')
    variables = {account: f"${name_of(story.base, account).upper()}_ID" for account in accounts}
    if any(True for _ in story.base.every()):
        lines.append("\n# This is there before; make it in the database by hand, and put the ids into the requests:")
        lines += [f"#   {sentence}" for sentence in given(story.base)]
    lines.append("")
    ids = dict(story.ids)
    for number, step in enumerate(story.steps, 1):
        snapshot = story.base
        if step.attempt is None:
            lines.append(f"# wait, or set the clock of the server, until {step.until}")
            continue
        call = _call(specification, snapshot, step.attempt, variables)
        if step.created is not None:
            variables[step.created] = f"$ID_{number}"
            variables[ids.get(step.created, step.created)] = f"$ID_{number}"
            lines.append(f'ID_{number}=$({call} | field id); echo "step {number}: $ID_{number}"')
        else:
            lines.append(call)
    last = renamed(story.last, ids)
    lines.append(
        f"\n# {did(story.after or story.base, last)}; expected: {story.difference.expected.splitlines()[0][:120]}"
    )
    lines.append(_call(specification, story.base, last, variables, shown=True))
    return "\n".join(lines) + "\n"


def _call(
    specification: Specification, snapshot: Snapshot, attempt: Attempt, variables: dict[str, str], shown: bool = False
) -> str:
    path = attempt.path(specification)
    query = "&".join(f"{name}={value}" for name, value in attempt.query if name != "cursor")
    parts = ["curl", "-si" if shown else "-s"]
    parts += {"GET": [], "HEAD": ["--head"]}.get(attempt.method, ["-X", attempt.method])
    parts.append(_quoted(f"$URL{path}" + (f"?{query}" if query else ""), variables))
    if attempt.who is not None:
        variable = name_of(snapshot, attempt.who).upper().replace(" ", "_")
        parts += ["-H", f'"Authorization: Bearer ${variable}"']
    parts += [part for name, value in attempt.headers for part in ("-H", shlex.quote(f"{name}: {value}"))]
    body = attempt.message
    if body is not None:
        parts += ["-H", "'Content-Type: application/json'", "-d", _quoted(json.dumps(body), variables)]
    return " ".join(parts)


def _quoted(text: str, variables: dict[str, str]) -> str:
    """In double quotes, with ids as the variables that hold them."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`")
    for known, variable in variables.items():
        text = text.replace(known, variable)
    return f'"{text}"'
