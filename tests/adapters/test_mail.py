"""Mail to a real SMTP server on loopback, from the outbox on; what is in the way, and what is not lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import Message
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from adapters.mail import ConsoleMail, MailServer, SmtpMail, read_url
from application.mailing import Attempt, Mailing
from application.ports import Mail, Outgoing, Undeliverable
from domain.errors import Unavailable
from domain.mail import LEASE, Kind
from tests import logs
from tests.conftest import Worlds
from tests.doubles import Postbox, SetClock, mailing, memory_store, notes

MAIL = Mail("an-id", "mary@example.com", "A subject", "Some words,\nand more.\n")


class Inbox:
    """What a server was given; `answer` is what it says to each mail."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], Message]] = []
        self.answer = "250 OK"
        self.recipient = "250 OK"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802
        """See aiosmtpd."""
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        """See aiosmtpd."""
        if self.answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.mails.append((envelope.rcpt_tos, message_from_bytes(content, policy=default)))
        return self.answer


@asynccontextmanager
async def listening(inbox: Inbox, **options: Any) -> AsyncIterator[int]:
    """A server; its port."""
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(inbox, hostname="localhost", enable_SMTPUTF8=True, **options), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def smtp(port: int, user: str = "") -> SmtpMail:
    """A way out to it."""
    return SmtpMail(read_url(f"smtp://{user}127.0.0.1:{port}"), "notes@example.org", SetClock())


async def test_a_mail_arrives_as_it_was_written() -> None:
    inbox = Inbox()
    async with listening(inbox) as port:
        await smtp(port).send(MAIL)
        await smtp(port).send(Mail("2", "märy@example.com", "Zweitens", "Grüße\n"))
    (to, message), (second_to, second) = inbox.mails
    assert (to, message["To"], message["From"]) == ([MAIL.to], MAIL.to, "notes@example.org")
    assert (message["Subject"], message["Message-ID"]) == (MAIL.subject, "<an-id@example.org>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_payload(decode=True).decode().replace("\r\n", "\n") == MAIL.text  # type: ignore[union-attr]
    assert (second_to, second["Subject"]) == (["märy@example.com"], "Zweitens")


async def test_it_signs_in_where_it_was_told_to() -> None:
    seen = []

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        seen.append((given.login, given.password))
        return AuthResult(success=given.password == b"p@ss", handled=False)

    inbox = Inbox()
    async with listening(inbox, authenticator=check, auth_require_tls=False) as port:
        await smtp(port, "no%40body:p%40ss@").send(MAIL)
        with pytest.raises(Unavailable):  # a password can be mended
            await smtp(port, "no%40body:wrong@").send(MAIL)
    assert seen[0] == (b"no@body", b"p@ss")
    assert len(inbox.mails) == 1


@pytest.mark.parametrize(
    ("recipient", "answer", "error"),
    [
        ("550 no such user", "250 OK", Undeliverable),
        ("450 later", "250 OK", Unavailable),
        ("250 OK", "554 no", Undeliverable),
        ("250 OK", "451 later", Unavailable),
    ],
)
async def test_what_is_refused_for_good_is_told_from_what_may_be_tried_again(
    recipient: str, answer: str, error: type[Exception]
) -> None:
    inbox = Inbox()
    inbox.recipient, inbox.answer = recipient, answer
    async with listening(inbox) as port:
        with pytest.raises(error) as caught:
            await smtp(port).send(MAIL)
    assert MAIL.to not in str(caught.value)


async def test_to_another_machine_nothing_is_sent_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox()
    async with listening(inbox) as port:
        monkeypatch.setattr(MailServer, "is_here", False)
        with pytest.raises(Unavailable):
            await smtp(port).send(MAIL)
    assert inbox.mails == []


@pytest.mark.parametrize(
    "url", ["http://a", "smtp://", "smtp://a:b@", "smtp://a:99999", "smtp://a/b", "smtp://a?x=1", "a", "smtps:a"]
)
def test_a_url_that_names_no_mail_server_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="must be smtp") as caught:
        read_url(url)
    assert "a:b" not in str(caught.value)


def test_a_url_has_the_ports_of_its_kind() -> None:
    assert read_url("smtp://mail.example.com") == MailServer("mail.example.com", 587, False)
    assert read_url("smtps://u:p%2F@mail.example.com") == MailServer("mail.example.com", 465, True, "u", "p/")
    assert "secret" not in repr(read_url("smtp://u:secret@mail.example.com"))
    assert [MailServer(host, 1, False).is_here for host in ("::1", "127.9.9.9", "localhost", "192.0.2.1", "a.b")] == [
        *(True, True, True, False, False),
    ]


async def test_the_console_shows_the_mail() -> None:
    shown: list[str] = []
    await ConsoleMail(shown.append).send(MAIL)
    assert shown == [f"\nMail to {MAIL.to}: {MAIL.subject}\n\n{MAIL.text}"]


# --- the outbox ------------------------------------------------------------------------------


async def test_a_server_that_is_away_loses_nothing() -> None:
    store, clock, inbox = memory_store(), SetClock(), Inbox()
    async with listening(inbox) as port:
        pass
    outbox = mailing(store, clock, SmtpMail(MailServer("127.0.0.1", port, False), "notes@example.org", clock))
    await post(outbox, Kind.INVITATION)
    for _ in range(3):
        attempt = await outbox.deliver()
        assert attempt is not None
        assert attempt.again
        assert await outbox.deliver() is None, "it waits"
        assert store.state.identity.links == {}, "nobody has the link of a mail that was not sent"
        clock.wait(minutes=2)
    clock.wait(hours=2)
    async with listening(inbox) as port:
        again = mailing(store, clock, SmtpMail(MailServer("127.0.0.1", port, False), "notes@example.org", clock))
        assert await again.deliver() == Attempt(None, False)
        assert await again.deliver() is None
    (_, message), (link,) = inbox.mails[0], store.state.identity.links.values()
    assert "https://notes.example.com/auth/register#token=" in message.get_payload()
    assert link.opens(Kind.INVITATION, clock.now()), "its time begins when it is sent"
    assert store.state.identity.letters == {}


async def test_a_mail_is_given_up_when_it_is_refused_or_after_three_days() -> None:
    store, clock, out = memory_store(), SetClock(), Postbox()
    outbox = mailing(store, clock, out)
    await post(outbox, Kind.INVITATION)
    out.away = Undeliverable("the server answered 550")
    assert await outbox.deliver() == Attempt("the server answered 550", False)
    await post(outbox, Kind.INVITATION)
    out.away = Unavailable()
    clock.wait(days=3)
    assert (await outbox.deliver()) == Attempt(Unavailable.detail, False)
    assert store.state.identity.letters == store.state.identity.links == {}


async def test_several_processes_send_each_letter_once(any_world: Worlds) -> None:
    store, clock, out = any_world(notes()).store, SetClock(), Postbox()
    outboxes = [mailing(store, clock, out) for _ in range(4)]
    for _ in range(6):
        await post(outboxes[0], Kind.INVITATION)

    async def all_of(outbox: Mailing) -> None:
        while await outbox.deliver() is not None:
            pass

    await asyncio.gather(*map(all_of, outboxes))
    assert len(out.mails) == len({mail.id for mail in out.mails}) == 6


async def test_what_a_process_that_ended_had_taken_is_sent_by_another() -> None:
    store, clock, out = memory_store(), SetClock(), Postbox()

    class Ends(Outgoing):
        async def send(self, mail: Mail) -> None:
            raise asyncio.CancelledError

    await post(mailing(store, clock, out), Kind.INVITATION)
    with pytest.raises(asyncio.CancelledError):
        await mailing(store, clock, Ends()).deliver()
    assert await mailing(store, clock, out).deliver() is None
    clock.wait(seconds=LEASE.total_seconds())
    assert await mailing(store, clock, out).deliver() == Attempt(None, False)
    assert len(out.mails) == 1
    assert logs.current.errors == []


async def post(outbox: Mailing, kind: Kind) -> None:
    """A letter to Mary."""
    async with outbox._store.work() as work:
        await outbox.post(work, kind, "mary@example.com", outbox._clock.now())
        await work.commit()
