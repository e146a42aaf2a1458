"""Mary and Bob: two accounts and three records to try, and the commands that show what Freehold does with them."""

import secrets

from application.throttles import Device
from domain.errors import Conflict
from domain.ownership import Actor
from entrypoints.container import Container

_DEVICE = Device("the tour", "")


async def seed(container: Container) -> str | None:
    """Make the accounts and Mary's note, once; the lines to paste. None where they are there, or the app is another."""
    specification = container.specification()
    if not {"notebook", "note"} <= set(specification.resources):
        return None
    password = secrets.token_urlsafe(12)
    accounts, records = container.accounts(), container.records()
    try:
        mary = await accounts.register("mary@example.com", password, _DEVICE)
        bob = await accounts.register("bob@example.com", password, _DEVICE)
    except Conflict:
        return None
    actor = Actor(mary.account.id, mary.session)
    notebook = await records.create(actor, "notebook", {"title": "Garden"})
    note = await records.create(
        actor, "note", {"notebook": notebook["id"], "title": "Tomatoes", "body": "Water them in the evening."}
    )
    prefix = f"/v{specification.major}"
    return _LINES.format(
        password=password,
        note=f"{prefix}/notes/{note['id']}",
        members=f"{prefix}/notebooks/{notebook['id']}/members",
        bob=bob.account.id,
    )


_LINES = """\
Mary and Bob have accounts here. Paste this into another terminal:

  URL={{url}}
  login() {{{{ curl -s $URL/auth/login -H 'Content-Type: application/json' \\
    -d "{{{{\\"email\\":\\"$1@example.com\\",\\"password\\":\\"{password}\\"}}}}" |
    sed 's/.*"access_token":"\\([^"]*\\).*/\\1/'; }}}}
  MARY=$(login mary); BOB=$(login bob)

  # Mary reads her note: 200
  curl -i $URL{note} -H "Authorization: Bearer $MARY"
  # Bob asks for the same: 404, as if it were not there
  curl -i $URL{note} -H "Authorization: Bearer $BOB"
  # Mary shares the notebook with Bob: 201
  curl -i $URL{members} -H "Authorization: Bearer $MARY" \\
    -H 'Content-Type: application/json' -d '{{{{"account":"{bob}","role":"viewer"}}}}'
  # Now Bob reads it: 200
  curl -i $URL{note} -H "Authorization: Bearer $BOB"
"""
