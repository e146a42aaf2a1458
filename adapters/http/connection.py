"""One HTTP/1.1 connection within bounds: what uvicorn leaves open to whoever sends too much, too slowly or two-faced.

Refused here, before there is a request: a head that is too large, a message whose end can be read in two ways, a
`Host` that is missing or given twice, chunks that are mostly packaging, and everything that does not arrive in time.
"""

import logging
import re
from asyncio import AbstractEventLoop, TimerHandle, Transport
from collections.abc import Callable
from http import HTTPStatus
from secrets import token_hex
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from adapters.http.browsers import STRICTEST, protective
from adapters.http.errors import PROBLEM, problem
from adapters.http.messages import LARGEST_BODY

log = logging.getLogger("freehold.http")

LARGEST_HEAD = 32 * 1024
"""bytes of the request line and the header fields"""
MOST_FIELDS = 100
"""header fields"""
MOST_WAITING = 100
"""requests that were sent ahead on one connection, and wait"""
LARGEST_REMNANT = 8 * LARGEST_BODY
"""bytes of a body that are read and thrown away after its request was answered, so that the answer gets through"""
PACKAGING = 8
"""bytes that a chunk may cost for each byte that is in it; those of one byte cost five"""
HEAD_SECONDS = 10.0
"""from the connection, or a head's first byte, to the head's last"""
BODY_SECONDS = 60.0
"""from the head to the body's last byte"""
ANSWER_SECONDS = 60.0
"""for which a caller may leave off reading an answer"""
LINGER_SECONDS, LINGER_BYTES = 2.0, 4 * LARGEST_BODY
"""for which a caller who still sends is let do so after the last answer: hanging up at once would take that away"""

_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]*")
"""the characters of RFC 3986, section 3.2.2, and of a port"""


class Refused(Exception):
    """Why a request is not read any further."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        """Say it as a problem document would."""
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail


def _bad(detail: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, "bad_request", detail)


def _too_large() -> Refused:
    detail = f"Request line and headers may have {LARGEST_HEAD} bytes and {MOST_FIELDS} fields."
    return Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", detail)


def _body_too_large() -> Refused:
    return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "content_too_large", "The body is too large.")


class _Joining:
    """A transport that sends an answer's head and body by one call of the system, and hangs up in peace."""

    def __init__(self, transport: Transport, loop: AbstractEventLoop, lingers: Callable[[], bool]) -> None:
        """Everything else is the transport's. `lingers` is asked once: whether the caller still sends."""
        self._transport = transport
        self._loop = loop
        self._lingers = lingers
        self._closed = False
        self._waiting = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Wait with a first piece for what is written next, until everybody else had a turn."""
        if self._closed:
            return
        if self._waiting:
            data, self._waiting = self._waiting + data, b""
            self._transport.write(data)
        elif data:
            self._waiting = data
            self._loop.call_soon(self._flush)

    def is_closing(self) -> bool:
        """Whether nothing more is answered."""
        return self._closed or self._transport.is_closing()

    def close(self) -> None:
        """Send what waits, and hang up; on a caller who still sends, at the second time.

        Closed with something unread, the system would tell the caller that all is lost, the answer too (RFC 9112, 9.6).
        """
        self._flush()
        first, self._closed = not self._closed, True
        if first and not self._transport.is_closing() and self._transport.can_write_eof() and self._lingers():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _flush(self) -> None:
        if self._waiting and not self._transport.is_closing():
            self._transport.write(self._waiting)
        self._waiting = b""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's connection, with bounds in size and time. What is well-formed and quick meets no timer at all."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """See uvicorn; its `limit_concurrency` is how many connections a process holds, not answered by it."""
        super().__init__(*arguments, **options)
        self._most_connections, self.limit_concurrency = self.limit_concurrency, None
        self._messages = 0
        self._in_head = True
        """whether a head is being read or waited for, not a body"""
        self._whole = True
        """whether what began has come to its end"""
        self._deaf = False
        """whether all that comes is thrown away: the connection is about to be closed"""
        self._fed = 0
        """bytes of the present message that came after the piece that it began in"""
        self._body = 0
        """bytes of its body"""
        self._ignored = 0
        """bytes that were thrown away since then"""
        self._refused: Refused | None = None
        self._armed: tuple[int, bool] | None = None
        self._late: TimerHandle | None = None
        self._unread: TimerHandle | None = None

    # --- the transport ---

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Take a connection, unless the process has as many as it may."""
        super().connection_made(_Joining(transport, self.loop, self._lingers))  # type: ignore[arg-type]
        if self._most_connections is not None and len(self.connections) > self._most_connections:
            self._deaf = True
            transport.abort()
            return
        self._arm()

    def _lingers(self) -> bool:
        """Whether the caller is in the middle of something; then it is thrown away for a while."""
        if self._whole and not self._deaf:
            return False
        self._deaf = True
        self._disarm()
        self._late = self.loop.call_later(LINGER_SECONDS, self.transport.close)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._disarm()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on. Where that ends with half a message, a clock runs."""
        self._unset_keepalive_if_required()
        if self._deaf:
            self._ignored += len(data)
            if self._ignored > LINGER_BYTES:
                self.transport.close()
            return
        before = begun, whole = self._messages, self._whole
        try:
            self.parser.feed_data(data)
            if self._whole and before != (self._messages, True):
                self._disarm()
                return
            if whole and self._whole:
                self._arm()  # empty lines between two requests, which end the wait that uvicorn limits
                return
            self._fed = self._fed + len(data) if begun == self._messages else 0
            self._bound()
            self._arm()
        except httptools.HttpParserUpgrade:
            # Nothing is upgraded (RFC 9110, section 7.8). What follows could be read in two ways, so it is not read.
            self.cycle.keep_alive = False
            self._deaf = True
            self._disarm()
        except httptools.HttpParserError:
            self._refuse(self._refused or _bad("The request cannot be read."))
        except Refused as refused:
            self._refuse(refused)

    def pause_writing(self) -> None:
        """The caller does not read what it asked for."""
        super().pause_writing()
        self._unread = self._unread or self.loop.call_later(ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It does."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    # --- the parser ---

    def on_message_begin(self) -> None:
        """See httptools."""
        super().on_message_begin()
        self._messages += 1
        self._in_head, self._whole, self._body = True, False, 0

    def on_headers_complete(self) -> None:
        """Judge the head, then hand the request to the app."""
        try:
            self._judge()
        except Refused as refused:
            self._refused = refused
            raise
        super().on_headers_complete()
        self._in_head = False
        # Fields after the body are no headers of the request (RFC 9110, section 6.5.1), whose list the app has now.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """See httptools."""
        self._whole = self._in_head = True  # the next head may come
        super().on_message_complete()

    def _judge(self) -> None:
        """Raise `Refused` where the head is too large, or could mean something else to a proxy before us."""
        size = len(self.url)
        length = b"0"
        hosts: list[bytes] = []
        codings: list[bytes] = []
        for name, value in self.headers:
            size += len(name) + len(value)
            if name == b"host":
                hosts.append(value)
            elif name == b"transfer-encoding":
                codings.append(value.lower())
            elif name == b"content-length":
                length = value
        if size > LARGEST_HEAD or len(self.headers) > MOST_FIELDS:
            raise _too_large()
        version = self.parser.get_http_version()
        if version == "1.1" and (len(hosts) != 1 or not _HOST.fullmatch(hosts[0])):
            raise _bad("Send one `Host` header.")
        if version not in ("1.0", "1.1"):
            raise _bad("HTTP/1.1 is spoken here.")
        if codings and (codings != [b"chunked"] or version == "1.0"):
            raise _bad("`chunked` is the only transfer coding that is read, and only once.")
        if len(self.pipeline) >= MOST_WAITING:
            raise _bad("Too many requests were sent ahead.")
        if int(length) > LARGEST_REMNANT:
            raise _body_too_large()

    def _bound(self) -> None:
        """Raise `Refused` where the message that is under way has grown too large."""
        if self._in_head:
            if self._fed > LARGEST_HEAD:
                raise _too_large()
        elif self._fed > LARGEST_HEAD + PACKAGING * self._body:
            raise _bad("The chunks are mostly packaging.")
        elif self._body > LARGEST_REMNANT:
            raise _body_too_large()

    # --- the clock ---

    def _arm(self) -> None:
        """Run a clock for the present half of the present message, unless it runs already."""
        half = (self._messages, self._in_head)
        if half == self._armed:
            return
        self._disarm()
        self._armed = half
        self._late = self.loop.call_later(HEAD_SECONDS if self._in_head else BODY_SECONDS, self._too_late)

    def _disarm(self) -> None:
        """Stop the clock."""
        if self._late is not None:
            self._late.cancel()
            self._late = self._armed = None

    def _too_late(self) -> None:
        """Hang up."""
        self._disarm()
        if not self._whole:
            self._refuse(Refused(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", "The request took too long to arrive."))
        elif self.cycle is None or self.cycle.response_complete:
            self.transport.close()  # nothing was asked

    # --- refusing ---

    def _refuse(self, refused: Refused) -> None:
        """Answer, if an answer could only be taken for that of this request, and hang up."""
        self._disarm()
        self._deaf = True
        request_id = token_hex(8)
        if not self.transport.is_closing() and self._is_next():
            self.transport.write(self._answer(refused, request_id))
        self.transport.close()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        address = self.client[0] if self.client else None
        log.info("refused a request", extra={"request_id": request_id, "code": refused.code, "address": address})

    def _is_next(self) -> bool:
        """Whether every request before the one that is being read has been answered, and it itself has not."""
        if self._in_head or self.cycle is None:
            return self.cycle is None or self.cycle.response_complete
        return not self.pipeline and not self.cycle.response_started

    def _answer(self, refused: Refused, request_id: str) -> bytes:
        document = problem(refused.status, refused.code, refused.detail, "", request_id)
        headers = (
            *self.server_state.default_headers,
            (b"content-type", PROBLEM.encode()),
            (b"content-length", str(len(document)).encode()),
            (b"cache-control", b"no-store"),
            *protective({"scheme": self.scheme}),
            STRICTEST,
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
        )
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        return STATUS_LINE[refused.status] + lines + b"\r\n" + document
