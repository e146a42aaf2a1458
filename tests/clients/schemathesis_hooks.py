"""For schemathesis: who asks, and when data that fit their schema may be refused all the same."""

import os
from typing import Any

import httpx
import schemathesis

URL = os.environ["FREEHOLD_URL"]
MARY = {"email": "mary@example.com", "password": "correct horse battery"}
UNTOLD = {
    *("bad_cursor", "invalid_link", "not_found", "not_a_member", "wrong"),  # depends on what is stored
    *("past", "too_late"),  # on the time
    "idempotency_key_reused",  # on what the key was sent with before
    "bad_reference",  # which operations of a batch stand before it
    *("too_common", "too_obvious"),  # on a list of thousands
    "repeated",  # the pattern of `sort` cannot say that no field is in it twice
    *("invalid_request", "invalid_grant"),  # OAuth says which grant needs what
}
"""codes of refusals that no schema can tell"""


@schemathesis.auth(refresh_interval=None)
class SignedIn:
    """Mary, whose sessions are ended now and then by what is tried: then she signs in anew."""

    token: str | None = None

    def get(self, case: Any, context: Any) -> str:
        """A token that is valid now."""
        headers = {"authorization": f"Bearer {self.token}"}
        if self.token is None or httpx.get(f"{URL}/auth/me", headers=headers).status_code != 200:
            answer = httpx.post(f"{URL}/auth/login", json=MARY)
            if answer.status_code == 401:
                answer = httpx.post(f"{URL}/auth/register", json=MARY)
            self.token = answer.json()["access_token"]
        assert self.token is not None
        return self.token

    def set(self, case: Any, data: str, context: Any) -> None:
        """Send it along."""
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.check
def what_fits_its_schema_is_refused_only_for_what_no_schema_tells(ctx: Any, response: Any, case: Any) -> None:
    """See `UNTOLD`."""
    if response.status_code not in (400, 422) or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    problem = response.json()
    codes = {error["code"] for error in problem["errors"]} or {problem["code"]}
    assert codes <= UNTOLD, f"{codes - UNTOLD}: {problem['errors'] or problem['detail']}"
