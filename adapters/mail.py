"""Mail by SMTP (aiosmtplib), and mail to the console for whoever develops.

`smtps://` is TLS from the first byte. `smtp://` begins TLS by STARTTLS and sends nothing without it; only to this very
machine it may go on in the clear.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import aiosmtplib

from application.mailing import Mailing
from application.ports import Clock, Mail, Undeliverable
from domain.errors import Unavailable

log = logging.getLogger("freehold.mail")

PAUSE = 1.0
"""seconds between two looks into an empty outbox"""
PORTS = {"smtp": 587, "smtps": 465}
PATIENCE = 60.0
"""seconds that one mail may take"""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over, and as whom."""

    host: str
    port: int
    tls: bool
    """from the first byte"""
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_url(url: str) -> MailServer:
    """`smtp://user:password@host:port` or `smtps://…`. Raises `ValueError`, which quotes nothing."""
    wrong = ValueError("must be smtp://user:password@host:port or smtps://user:password@host:port")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise wrong from error
    if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise wrong
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return MailServer(parts.hostname, port or PORTS[parts.scheme], parts.scheme == "smtps", user, password)


class SmtpMail:
    """The `Outgoing` port: one connection a mail."""

    def __init__(self, server: MailServer, sender: str, clock: Clock) -> None:
        """`sender` is an address."""
        self._server = server
        self._sender = sender
        self._clock = clock

    async def send(self, mail: Mail) -> None:
        """See the port."""
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.tls,
            # None: if it is offered
            start_tls=False if server.tls else None if server.is_here else True,
            tls_context=ssl.create_default_context(),
            local_hostname=self._sender.rpartition("@")[2] if self._sender.isascii() else "localhost",
        )
        message = self._message(mail)
        try:
            async with asyncio.timeout(PATIENCE), client:
                await client.send_message(message, sender=self._sender, recipients=[mail.to])
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refused(max(each.code for each in error.recipients)) from error
        except aiosmtplib.SMTPDataError as error:
            raise _refused(error.code) from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            # also a sender or a password that is refused: that is ours to mend
            raise Unavailable(type(error).__name__) from error

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(SMTP if (mail.to + self._sender).isascii() else SMTPUTF8)
        message["From"] = self._sender
        message["To"] = mail.to
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = f"<{mail.id}@{self._sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        return message


def _refused(code: int) -> Exception:
    """5yz is for good, 4yz for now (RFC 5321, section 4.2.1)."""
    return Undeliverable(f"the server answered {code}") if code >= 500 else Unavailable(f"the server answered {code}")


class ConsoleMail:
    """The `Outgoing` port for whoever develops."""

    def __init__(self, show: Callable[[str], object]) -> None:
        """`show` prints a text."""
        self._show = show

    async def send(self, mail: Mail) -> None:
        """See the port."""
        self._show(f"\nMail to {mail.to}: {mail.subject}\n\n{mail.text}")


async def deliver_all(mailing: Mailing) -> None:
    """Send what is due, until cancelled."""
    while True:
        try:
            while (attempt := await mailing.deliver()) is not None:
                if attempt.failure is not None:
                    end = "it is tried again" if attempt.again else "it is given up"
                    log.warning("a mail could not be sent (%s); %s", attempt.failure, end)
        except Unavailable:
            log.warning("the outbox cannot be read; it is tried again")
        except Exception:
            log.exception("a defect, in sending mail")
        await asyncio.sleep(PAUSE)
