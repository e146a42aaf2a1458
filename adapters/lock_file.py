"""`freehold.lock`: an approval as JSON, sealed by a digest, so that no merge and no hand changes a part of it unseen.

The approved text stands on one line. Where two people approved, git finds a conflict that has both texts whole.
"""

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from domain.errors import NotApproved
from domain.specification.approval import Approval, digest
from domain.values import instant_text

LOCK_NAME = "freehold.lock"
NOTE = "Written by `freehold approve`. Keep it in version control, and change it by approving only."
_SIDES = re.compile(
    r"^<<<<<<< .*?\n(.*?)(?:^\|\|\|\|\|\|\| .*?\n.*?)?^=======\n(.*?)^>>>>>>> .*?\n", re.DOTALL | re.MULTILINE
)


def read(folder: Path) -> tuple[Approval, ...]:
    """What the folder's lock says: nothing where there is none, two approvals where git could not merge them.

    Raises `NotApproved` where it cannot be read, or holds what no `approve` wrote.
    """
    path = folder / LOCK_NAME
    try:
        text = path.read_bytes().decode().replace("\r\n", "\n")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise NotApproved(f"{path} cannot be read: {error}.") from error
    if _SIDES.search(text) is None:
        return (_approval(path, text),)
    return tuple(_approval(path, _SIDES.sub(rf"\{side}", text)) for side in (1, 2))


def write(folder: Path, approval: Approval) -> None:
    """In one step: whoever reads meanwhile finds the one or the other. Raises `NotApproved` where that fails."""
    path = folder / LOCK_NAME
    beside = path.with_name(f".{LOCK_NAME}.new")
    try:
        beside.write_bytes(_text(approval).encode())
        os.replace(beside, path)
    except OSError as error:
        raise NotApproved(f"{path} cannot be written: {error.strerror}.") from error


def _text(approval: Approval) -> str:
    # what every approval changes stands beside each line that it may leave alone: so git never merges a single line
    data = {
        "note": NOTE,
        "openapi": approval.openapi,
        "approved_at": instant_text(approval.at),
        "approved_by": approval.by,
        "schema": approval.schema,
        "specification": approval.specification,
        "revision": approval.revision,
        "answers": list(map(dict, approval.answers)),
        "text": approval.text.replace("\r\n", "\n"),
        "revisions": dict(sorted(approval.revisions.items())),
    }
    return _as_json(data | {"seal": digest(_as_json(data))})


def _as_json(data: Mapping[str, Any]) -> str:
    """A line for each."""
    lines = (f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in data.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _approval(path: Path, text: str) -> Approval:
    try:
        data: dict[str, Any] = json.loads(text)
        found = Approval(
            text=data["text"],
            revision=data["revision"],
            revisions=dict(data["revisions"]),
            schema=data["schema"],
            openapi=data["openapi"],
            by=data["approved_by"],
            at=datetime.fromisoformat(data["approved_at"]),
            answers=tuple(data["answers"]),
        )
        unchanged = data.pop("seal") == digest(_as_json(data))
    except (ValueError, KeyError, TypeError) as error:
        raise NotApproved(f"{path} is not as `freehold approve` writes it. Take it from version control.") from error
    if not unchanged:
        raise NotApproved(
            f"{path} is not as `freehold approve` wrote it: somebody, or a merge, changed it. "
            "Take one version of it from version control."
        )
    return found
