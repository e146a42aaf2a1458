"""What `story.ts` tells, by the client that openapi-python-client makes of the document. Run: `use.py URL`."""

import sys

from notes_client import AuthenticatedClient, Client
from notes_client.api.identity import refresh, register
from notes_client.api.notebooks import create_notebook, delete_notebook, get_notebook, list_notebooks, update_notebook
from notes_client.models import (
    ListNotebooksFieldsItem,
    Notebook,
    NotebookCreate,
    NotebookList,
    NotebookUpdate,
    PartOfNotebookList,
    Problem,
    RefreshRequest,
    Registration,
    TokenAnswer,
)
from notes_client.types import UNSET, Unset


def sign_in(url: str) -> AuthenticatedClient:
    """An account of its own; its refresh token is exchanged once."""
    nobody = Client(base_url=url)
    made = register.sync(client=nobody, body=Registration(email="python@example.com", password="correct horse battery"))
    assert isinstance(made, TokenAnswer)
    assert isinstance(made.refresh_token, str)
    once = AuthenticatedClient(base_url=url, token=made.access_token)
    again = refresh.sync(client=once, body=RefreshRequest(refresh_token=made.refresh_token))
    assert isinstance(again, TokenAnswer)
    return AuthenticatedClient(base_url=url, token=again.access_token)


def main(url: str) -> None:
    """Create, list by pages, change with a conflict, delete."""
    client = sign_in(url)
    versions = {}
    for title in ("Garden: beds", "Garden: trees", "House"):
        made = create_notebook.sync_detailed(client=client, body=NotebookCreate(title=title))
        assert isinstance(made.parsed, Notebook)
        versions[made.parsed.id] = made.headers["ETag"]
    pages, cursor = [], ""
    while True:
        asked: str | Unset = cursor or UNSET
        found = list_notebooks.sync(client=client, title_starts="Garden", limit=1, cursor=asked)
        assert isinstance(found, NotebookList)
        pages.append([notebook.title for notebook in found.items])
        if found.next_cursor is None:
            break
        cursor = found.next_cursor
    assert pages == [["Garden: trees"], ["Garden: beds"]]
    some = list_notebooks.sync(client=client, q="trees Garden", fields=[ListNotebooksFieldsItem.TITLE])
    assert isinstance(some, PartOfNotebookList)
    assert [part.title for part in some.items] == ["Garden: trees"]
    (*_, (last, version)) = versions.items()
    renamed = update_notebook.sync(client=client, id=last, if_match=version, body=NotebookUpdate(title="Home"))
    assert isinstance(renamed, Notebook)
    assert renamed.title == "Home"
    refused = update_notebook.sync(client=client, id=last, if_match=version, body=NotebookUpdate(title="Castle"))
    assert isinstance(refused, Problem)
    assert (refused.status, refused.code) == (412, "precondition_failed")
    assert delete_notebook.sync_detailed(client=client, id=last).status_code == 204
    missing = get_notebook.sync(client=client, id=last)
    assert isinstance(missing, Problem)
    assert (missing.status, missing.code) == (404, "not_found")


main(sys.argv[1])
