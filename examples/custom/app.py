"""An endpoint of one's own beside the generated ones: `GET /v1/notebooks/{id}/summary`.

Run it: python examples/custom/app.py
"""

import argparse
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel

from adapters.http.identity import Identity
from adapters.http.openapi import problems
from application.ports import Filter
from application.records import RecordUseCases
from domain.ownership import Actor
from entrypoints.asgi import create_app
from entrypoints.container import Container

FOLDER = Path(__file__).resolve().parent


class Summary(BaseModel):
    """What a caller may know of a notebook at a glance."""

    title: str
    notes: int
    """how many of its notes this caller may read"""
    newest: str | None
    """the title of the newest of these"""


def summary_router(identity: Identity, records: RecordUseCases) -> APIRouter:
    """Our own routes. They ask the use cases, as this caller: what it may not read is not even counted."""
    router = APIRouter(tags=["summaries"])

    @router.get(
        "/v1/notebooks/{id}/summary",
        operation_id="summarize_notebook",
        summary="Summarize a notebook",
        responses=problems(401, 404, 429, 503),
        openapi_extra={"security": [{"bearer": []}]},
    )
    async def summary(id: str, actor: Annotated[Actor, Depends(identity)]) -> Summary:
        notebook = await records.get(actor, "notebook", id.lower())
        notes = await records.list(
            actor, "note", filters=(Filter("notebook", (notebook["id"],)),), limit=1, counted=True
        )
        newest = notes.items[0]["title"] if notes.items else None
        return Summary(title=notebook["title"], notes=notes.total or 0, newest=newest)

    return router


def build(container: Container) -> FastAPI:
    """Freehold's app for the container's specification, with our routes beside its own."""
    app = create_app(container)
    app.include_router(summary_router(container.identity(), container.records()))
    return app


def main() -> None:
    """Bring the database in this folder to what is approved, and serve it."""
    parser = argparse.ArgumentParser(description="Notebooks with an endpoint of their own.")
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    container = Container(folder=FOLDER)
    container.specifications().migrate(lambda _: None)
    print(f"http://127.0.0.1:{port}/docs (Ctrl-C ends)", flush=True)
    uvicorn.run(build(container), host="127.0.0.1", port=port, access_log=False, server_header=False)


if __name__ == "__main__":
    main()
