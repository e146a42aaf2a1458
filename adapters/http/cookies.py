"""Cookie mode: a browser keeps the refresh token where no page can read it, and only our own pages make it count.

The cookie names its account beside the token: a bearer token of somebody else is noticed without asking the store.
"""

from dataclasses import dataclass, field

from fastapi import Request, Response

from adapters.http.browsers import ORIGIN
from domain.errors import Forbidden, Malformed
from domain.session import IDLE

REFRESH_COOKIE = "__Host-freehold-refresh"
CLEARED = '"cache", "storage"'
"""what a browser forgets of this origin at a sign-out, beside the cookie (`Clear-Site-Data`)"""


@dataclass(frozen=True, slots=True)
class Held:
    """What the cookie says; whether it is true shows when the token is used."""

    account: str
    token: str = field(repr=False)


def held(request: Request) -> Held | None:
    """The cookie that a request brings along, if it does."""
    account, dot, token = request.cookies.get(REFRESH_COOKIE, "").partition(".")
    return Held(account, token) if dot else None


def keep(response: Response, account: str, refresh_token: str) -> None:
    """For as long as the session may be idle; sent over TLS (or to this machine) and to this host only."""
    response.set_cookie(
        REFRESH_COOKIE,
        f"{account}.{refresh_token}",
        max_age=int(IDLE.total_seconds()),
        secure=True,
        httponly=True,
        samesite="lax",
    )


def forget(response: Response) -> None:
    """Nobody is signed in by cookie any more."""
    response.delete_cookie(REFRESH_COOKIE, secure=True, httponly=True, samesite="lax")


def require_one_account(request: Request, account: str | None) -> None:
    """Raise `Malformed` where a bearer token's account is not the cookie's: whose request it is must be clear."""
    cookie = held(request)
    if account is not None and cookie is not None and cookie.account != account:
        raise Malformed("The bearer token and the cookie are of different accounts.", code="two_accounts")


def require_own_page(request: Request) -> None:
    """Raise `Forbidden` unless the browser says that a page of this very origin asks.

    Browsers send `Origin` with each POST, and newer ones `Sec-Fetch-Site`; no page can change either.
    """
    sites, origins = request.headers.getlist("sec-fetch-site"), request.headers.getlist("origin")
    host = request.headers.get("host", "").lower()
    ours = [ORIGIN.fullmatch(origin) is not None and origin.partition("://")[2] == host for origin in origins]
    if not (sites or origins) or not all(ours) or any(site != "same-origin" for site in sites):
        raise Forbidden("The cookie counts for pages of this origin only.", code="cross_site")
