"""`fields` and `expand` over HTTP: what is refused, what is described, and that it is another representation."""

from typing import Any

import pytest

from domain.ownership import Actor
from tests.application.world import NEVER, specification
from tests.http.api import Api
from tests.http.conftest import Apis

TEAMS = specification("""
resources:
  team:
    owner: account
    fields: {name: text, lead: {type: account, optional: yes}}
    can: {create: signed in, read: [owner, anyone], update: owner}
  board:
    owner: team
    fields: {name: text, code: {type: team, optional: yes, read: owner}}
    can: {create: owner, read: [owner, anyone]}
  card:
    owner: board
    require_if_match: yes
    fields:
      author: creator
      title: text
      after: {type: card, optional: yes, when_gone: empty}
      pay: {type: decimal, optional: yes, read: owner}
    can: {create: owner, read: [owner, anyone], update: owner}
""")


async def populated(api: Api, mary: Actor) -> tuple[str, str, str]:
    """A team, a board and a card."""
    team = await api.make(mary, "teams", name="A")
    board = await api.make(mary, "boards", team=team, name="B", code=team)
    return team, board, await api.make(mary, "cards", board=board, title="C", pay="1.50")


async def refusals(api: Api, actor: Actor | None, path: str) -> list[tuple[str, str]]:
    """What a refused request is told of its parameters."""
    answer = await api.get(actor, path)
    assert answer.status_code == 422, answer.text
    return [(error["field"], error["code"]) for error in answer.json()["errors"]]


async def test_names_that_nobody_can_ask_for_are_refused(one_api: Apis) -> None:
    api = await one_api(TEAMS)
    mary = await api.person("mary")
    *_, card = await populated(api, mary)
    for path in ("cards", f"cards/{card}", f"cards/{NEVER}"):
        for query, refused in (
            ("fields=", [("fields", "unknown")]),
            ("fields=id,nothing", [("fields", "unknown")]),
            ("fields=expanded", [("fields", "unknown")]),
            ("fields=board.team", [("fields", "unknown")]),
            ("fields=" + "id," * 100, [("fields", "too_many")]),
            ("expand=", [("expand", "unknown")]),
            ("expand=title", [("expand", "unknown")]),
            ("expand=nothing", [("expand", "unknown")]),
            ("expand=board.nothing", [("expand", "unknown")]),
            ("expand=board.team.lead", [("expand", "not_a_record")]),
            ("expand=after.board.team", [("expand", "unknown")]),
            ("expand=id", [("expand", "unknown")]),
            ("expand=owner", [("expand", "not_a_record")]),
            ("expand=author", [("expand", "not_a_record")]),
            ("expand=board.owner", [("expand", "not_a_record")]),
            ("expand=board&expand=author", [("expand", "not_a_record")]),
            ("expand=" + ",".join(["board"] * 11), [("expand", "too_many")]),
            (
                "expand=author&fields=x&nothing=1",
                [("expand", "not_a_record"), ("fields", "unknown"), ("nothing", "unknown")],
            ),
        ):
            assert sorted(await refusals(api, mary, f"{path}?{query}")) == refused, query
    assert await refusals(api, mary, "teams?expand=owner") == [("expand", "unknown")], "there is nothing to expand"
    assert await refusals(api, mary, f"cards/{card}?limit=1") == [("limit", "unknown")]
    assert (await api.get(mary, f"cards/{card}?fields=%FF")).status_code == 400


async def test_to_nobody_what_nobody_can_read_is_an_unknown_name(one_api: Apis) -> None:
    api = await one_api(TEAMS)
    mary = await api.person("mary")
    team, board, card = await populated(api, mary)
    for path in ("cards", f"cards/{card}"):
        assert await refusals(api, None, f"{path}?fields=pay") == [("fields", "unknown")]
        assert await refusals(api, None, f"{path}?expand=board.code") == [("expand", "unknown")]
        refused = (await api.get(None, f"{path}?expand=nothing")).json()["errors"][0]["message"]
        assert refused == "Expand board, after, or what these name. Two levels at most."
    message = (await api.get(None, "boards?expand=nothing")).json()["errors"][0]["message"]
    assert "code" not in message
    assert (await api.get(None, f"boards/{board}?expand=code")).status_code == 422
    beside = (await api.get(mary, f"boards/{board}?expand=code")).json()["expanded"]
    assert beside["code"]["id"] == team


async def test_a_selection_is_a_representation_of_its_own(any_api: Apis) -> None:
    api = await any_api(TEAMS)
    mary = await api.person("mary")
    team, board, card = await populated(api, mary)
    tags = {}
    for query in ("", "?fields=id,title", "?expand=board", "?expand=board.team&fields=title", "?expand=after"):
        path = f"cards/{card}{query}"
        answer = await api.get(mary, path)
        assert answer.status_code == 200, answer.text
        tags[query] = answer.headers["etag"]
        head = await api.call(mary, "HEAD", path)
        assert (head.status_code, head.headers["etag"]) == (200, tags[query])
        for asked in ("", "?fields=id,title"):
            same = await api.get(mary, f"cards/{card}{asked}", headers={"If-None-Match": tags[query]})
            assert same.status_code == (304 if tags[query] == tags.get(asked) else 200)
    assert len(set(tags.values())) == len(tags)
    before = await api.get(mary, f"cards/{card}?expand=board.team&fields=title")
    assert before.json() == {
        "title": "C",
        "expanded": {
            "board": (await api.get(mary, f"boards/{board}")).json()
            | {"expanded": {"team": (await api.get(mary, f"teams/{team}")).json()}}
        },
    }
    api.world.clock.wait(seconds=1)
    await api.call(mary, "PATCH", f"teams/{team}", json={"name": "New"})
    after = await api.get(mary, f"cards/{card}?expand=board.team&fields=title")
    assert after.headers["etag"] != before.headers["etag"], "what stands beside it has changed"
    assert (await api.get(mary, f"cards/{card}")).headers["etag"] == tags[""]

    async def change(tag: str) -> int:
        return (
            await api.call(mary, "PATCH", f"cards/{card}", json={"title": "C"}, headers={"If-Match": tag})
        ).status_code

    assert [await change(tags[query]) for query in ("?fields=id,title", "?expand=board", "")] == [412, 412, 200]


async def test_a_list_shows_so_much_of_each_record_and_the_next_page_the_same(any_api: Apis) -> None:
    api = await any_api(TEAMS)
    mary = await api.person("mary")
    *_, board, card = await populated(api, mary)
    later = await api.make(mary, "cards", board=board, title="D", after=card)
    page = await api.get(mary, "cards?limit=1&fields=title&fields=id&expand=after&sort=-title&count=true")
    shown = (await api.get(mary, f"cards/{card}")).json()
    assert page.json()["items"] == [{"id": later, "title": "D", "expanded": {"after": shown}}]
    assert page.json()["total"] == 2
    link = page.headers["link"].split(";")[0].strip("<>")
    following = (await api.get(mary, link)).json()
    assert following == {
        "items": [{"id": card, "title": "C", "expanded": {"after": None}}],
        "next_cursor": None,
        "total": 2,
    }
    cursor = page.json()["next_cursor"]
    whole = await api.get(mary, "cards", params={"sort": "-title", "cursor": cursor})
    assert whole.json()["items"] == [shown], "a cursor says where to go on, not what is shown"


async def test_what_stands_beside_many_records_is_bounded(one_api: Apis) -> None:
    """Who writes one large record and many small ones that name it cannot make the server write it for each of them."""
    api = await one_api(TEAMS)
    mary = await api.person("mary")
    team = await api.make(mary, "teams", name="A" * 1_000_000)
    board = await api.make(mary, "boards", team=team, name="B", code=team)
    for number in range(20):
        await api.make(mary, "cards", board=board, title=str(number))
    for query in ("board.team", "board.code"):
        assert await refusals(api, mary, f"cards?expand={query}") == [("expand", "too_large")]
    assert await refusals(api, mary, "cards?limit=10&expand=board.team,board.code") == [("expand", "too_large")]
    few = await api.get(mary, "cards?limit=3&expand=board.team,board.code&fields=id")
    assert [len(item["expanded"]["board"]["expanded"]["team"]["name"]) for item in few.json()["items"]] == [
        1_000_000
    ] * 3


def parameter(api: Api, path: str, name: str) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = [each for each in api.document["paths"][path]["get"]["parameters"] if each["name"] == name]
    return found


async def test_they_are_described_with_every_name(one_api: Apis) -> None:
    api = await one_api(TEAMS)
    for path in ("/v1/boards", "/v1/boards/{id}"):
        fields, expand = parameter(api, path, "fields"), parameter(api, path, "expand")
        names = ["id", "owner", "team", "name", "code", "created_at", "updated_at"]
        assert fields["schema"]["items"] == {"type": "string", "enum": names}
        assert expand["schema"]["items"] == {"type": "string", "enum": ["team", "code"]}
        assert (expand["schema"]["maxItems"], expand["style"], expand["explode"]) == (10, "form", True)
        responses = api.document["paths"][path]["get"]["responses"]
        assert {"400", "422"} < responses.keys()
    for path in ("/v1/teams", "/v1/teams/{id}"):
        with pytest.raises(ValueError, match="not enough values"):
            parameter(api, path, "expand")
    schemas = api.document["components"]["schemas"]
    assert schemas["Card"]["properties"]["expanded"] == {"$ref": "#/components/schemas/CardExpanded"}
    assert "expanded" not in schemas["Card"]["required"]
    assert schemas["CardExpanded"]["properties"]["after"] == {
        "anyOf": [{"$ref": "#/components/schemas/Card"}, {"type": "null"}]
    }
    assert "expanded" not in schemas["Team"]["properties"]
    assert "required" not in schemas["PartOfCard"]
    assert schemas["PartOfCard"]["properties"] == schemas["Card"]["properties"]
