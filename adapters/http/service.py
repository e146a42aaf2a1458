"""The service's own routes: the page for people, health, and documentation without any outside asset."""

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from html import escape
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.responses import HTMLResponse, JSONResponse, Response

from adapters.http.openapi import problems
from domain.errors import NotFound, Unavailable
from domain.specification.analysis import Right, rights_table
from domain.specification.gains import for_any_account, public
from domain.specification.model import Resource, Specification

_ASSETS = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon.png": "image/png",
}
_START = """window.onload = function () {
  SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout", persistAuthorization: true});
};
"""
_DOCS = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/docs/swagger-ui.css"><link rel="icon" href="/docs/favicon.png"></head>
<body><div id="swagger-ui"></div><script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script></body></html>
"""
_STYLE = """
:root{color-scheme:light dark;--ink:#1d2733;--soft:#5c6b7a;--line:#dde3ea;--paper:#fff;--ground:#f5f7fa;
--accent:#0b6e4f;--mark:#fff4d6;--mark-ink:#6b4e00}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebf0;--soft:#9aa8b6;--line:#2c3742;--paper:#151b21;--ground:#0e1318;
--accent:#4fc79b;--mark:#3a2f10;--mark-ink:#ffd97a}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}main{max-width:62rem;margin:0 auto;padding:3rem 1.25rem}
h1{font-size:2.1rem;line-height:1.15;margin:0 0 .35rem;letter-spacing:-.02em}p.lead{color:var(--soft);margin:0 0 1.4rem}
nav a{display:inline-block;margin:0 .5rem .5rem 0;padding:.45rem .9rem;border:1px solid var(--line);border-radius:.5rem;
background:var(--paper);color:var(--accent);text-decoration:none;font-weight:600}nav a:hover{border-color:var(--accent)}
section{background:var(--paper);border:1px solid var(--line);border-radius:.8rem;margin:1.4rem 0;overflow:hidden}
section header{padding:1rem 1.2rem .8rem;display:flex;flex-wrap:wrap;gap:.3rem .9rem;align-items:baseline}
h2{font-size:1.2rem;margin:0}code{font:.88em ui-monospace,SFMono-Regular,Menlo,monospace}header code{color:var(--soft)}
header p{flex-basis:100%;margin:.1rem 0 0;color:var(--soft)}div.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.5rem 1.2rem;border-top:1px solid var(--line);
vertical-align:top}th{font-weight:600;white-space:nowrap;width:13rem}td span.line{color:var(--soft);font-size:.8rem;
margin-left:.6rem;white-space:nowrap}td li{margin:.1rem 0}ul{list-style:none;margin:0;padding:0}
b.public{background:var(--mark);color:var(--mark-ink);font-weight:600;border-radius:.3rem;padding:.05rem .4rem;
font-size:.78rem;margin-left:.6rem}footer{color:var(--soft);font-size:.9rem}
"""
_PAGE_POLICY = (
    "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def service_router(specification: Specification, ready: Callable[[], Awaitable[bool]]) -> APIRouter:
    """The public routes: nothing here depends on who asks."""
    router = APIRouter(tags=["service"])
    page = landing_page(specification)
    style = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    page_headers = {"content-security-policy": _PAGE_POLICY.format(style=style), "cache-control": "no-cache"}
    docs_headers = {"content-security-policy": _DOCS_POLICY, "cache-control": "no-cache"}
    documents = {name: files("fastapi_offline").joinpath("static", name).read_bytes() for name in _ASSETS}

    @router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def landing() -> Response:
        return HTMLResponse(page, headers=page_headers)

    @router.get("/health/live", operation_id="health_live", summary="Is the process alive?")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @router.get(
        "/health/ready",
        operation_id="health_ready",
        summary="Is the database reachable, with the specification's tables?",
        responses=problems(503),
        response_model=dict[str, str],
    )
    async def is_ready() -> Response:
        if not await ready():
            raise Unavailable
        return JSONResponse({"status": "ok"})

    @router.api_route("/docs", methods=["GET", "HEAD"], include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(_DOCS.format(title=escape(specification.app)), headers=docs_headers)

    @router.get("/docs/start.js", include_in_schema=False)
    async def start() -> Response:
        return Response(_START, media_type="text/javascript", headers=docs_headers)

    @router.get("/docs/{asset}", include_in_schema=False)
    async def docs_asset(asset: str) -> Response:
        if asset not in documents:
            raise NotFound
        return Response(documents[asset], media_type=_ASSETS[asset], headers={"cache-control": "max-age=3600"})

    return router


def openapi_route(app: FastAPI, encode: Callable[[Any], bytes]) -> None:
    """Serve the document, rendered once."""
    rendered: list[bytes] = []

    @app.get("/openapi.json", include_in_schema=False)
    async def document() -> Response:
        if not rendered:
            rendered.append(encode(app.openapi()))
        return Response(rendered[0], media_type="application/json")


def landing_page(specification: Specification) -> str:
    """What is served here and who may do what, for people."""
    marks = {_at(found.right): "any account" for found in for_any_account(specification)}
    marks |= {_at(found.right): "public" for found in public(specification)}
    rights = rights_table(specification)
    sections = "".join(
        _section(specification, resource, [right for right in rights if right.resource == resource.name], marks)
        for resource in specification.resources.values()
    )
    title = escape(specification.app)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{title}</h1><p class=lead>API version {escape(specification.version)}. Whatever is not written below is "
        "denied.</p><nav><a href=/docs>Try it</a><a href=/openapi.json>OpenAPI</a>"
        f"<a href=/health/ready>Health</a></nav>{sections}"
        "<footer>Each right stands on the line of the specification that is shown beside it.</footer>"
        "</main></body></html>"
    )


def _section(specification: Specification, resource: Resource, rights: list[Right], marks: Mapping[Any, str]) -> str:
    owner = "an account" if resource.parent is None else f"a {resource.parent}"
    about = f"<p>{escape(resource.about)}</p>" if resource.about else ""
    by_action: dict[str, list[Right]] = {}
    for right in rights:
        by_action.setdefault(right.action, []).append(right)
    rows = "".join(
        f"<tr><th scope=row>{escape(action)}</th><td><ul>"
        + "".join(_grant(right, marks) for right in granted)
        + "</ul></td></tr>"
        for action, granted in by_action.items()
    )
    return (
        f"<section><header><h2>{escape(resource.name.replace('_', ' '))}</h2>"
        f"<code>/v{specification.major}/{escape(resource.plural)}</code>"
        f"<code>belongs to {escape(owner)}</code>{about}</header>"
        f"<div class=scroll><table>{rows}</table></div></section>"
    )


def _at(right: Right) -> tuple[Any, ...]:
    return right.resource, right.action, right.place


def _grant(right: Right, marks: Mapping[Any, str]) -> str:
    found = marks.get(_at(right))
    mark = "" if found is None else f"<b class=public>{found}</b>"
    return f"<li><code>{escape(right.who)}</code>{mark}<span class=line>line {right.place.line}</span></li>"
