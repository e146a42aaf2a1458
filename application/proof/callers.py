"""Who attempts something: nobody, an account by its id, or whoever has a secret link by its token."""

from dataclasses import dataclass, field

from application.secret_links import PREFIX, link_hash
from domain.ownership import ANONYMOUS, Actor
from domain.secret_link import SecretLink
from domain.snapshot import Snapshot


def actor_of(who: str | None) -> Actor:
    """The caller that an attempt names."""
    if who is None:
        return ANONYMOUS
    return Actor(link=link_hash(who)) if by_link(who) else Actor(who)


def by_link(who: str | None) -> bool:
    """Whether that is whoever has a link."""
    return who is not None and who.startswith(PREFIX)


@dataclass(frozen=True, slots=True)
class MadeLink(SecretLink):
    """A link whose token an answer told."""

    token: str = field(default="", repr=False)


def token_of(link: SecretLink) -> str:
    """The token of a link: in a world that was drawn it is made of the id."""
    return link.token if isinstance(link, MadeLink) else drawn_token(link.id)


def drawn_token(link_id: str) -> str:
    """The token of a link in a world that was drawn."""
    return PREFIX + link_id


def link_of(snapshot: Snapshot, who: str | None) -> SecretLink | None:
    """The link that somebody has, where it is (still) there and may carry its role, whether or not its time is over."""
    link = None if who is None else snapshot.links.get(str(actor_of(who).link))
    carried = () if link is None else snapshot.specification.resources[link.resource].linked_roles
    return link if link is not None and link.role in carried else None


def callers(snapshot: Snapshot) -> tuple[str | None, ...]:
    """Everybody in a world that was drawn."""
    return (None, *snapshot.accounts, *map(token_of, snapshot.links.values()))
