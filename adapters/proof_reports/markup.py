"""HTML that is escaped by construction: a plain string is text, only `Html` is markup."""

from html import escape

from adapters.proof_reports.words import visible


class Html(str):
    """Markup that `tag` made."""

    __slots__ = ()


def text(plain: str) -> Html:
    """A text, escaped."""
    return plain if isinstance(plain, Html) else Html(escape(visible(plain), quote=True))


def tag(name: str, *inside: str, **attributes: str | None) -> Html:
    """An element. `class_` is `class`; an attribute that is None is left out."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(visible(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{said}>{''.join(text(each) for each in inside)}</{name}>")


def joined(*parts: str) -> Html:
    """Parts one after the other."""
    return Html("".join(text(part) for part in parts))
