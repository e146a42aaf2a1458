"""What Freehold is compared with on PostgreSQL: the app of `baseline.py` as most people write it with `async def`.

An `AsyncSession` on asyncpg per request by `Depends`, SQLAlchemy's own pool, a current user who is loaded after his JWT
(HS256) was checked, `response_model` on every route. Where the style leaves a choice, the faster one was taken: the
session does not expire what it has on commit, so that nothing is read again but by `refresh` where the style has it;
the pool holds a connection for each request that can be under way; lists do not count; there is no access log.

    BASELINE_DATABASE=postgresql+asyncpg://… python -m benchmarks.baseline_async 8001
"""

import os
import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, status
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from benchmarks.baseline_models import (
    Credentials,
    Member,
    Note,
    Notebook,
    NoteCreate,
    NotePublic,
    NotesPublic,
    NoteUpdate,
    Token,
    User,
    now,
    readable_notes,
    subject,
    token_for,
)

engine = create_async_engine(os.environ["BASELINE_DATABASE"], pool_size=int(os.environ.get("BASELINE_POOL", "32")))
sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
app = FastAPI(title="Baseline")


# ---- dependencies --------------------------------------------------------------------------------------------------


async def get_session() -> AsyncIterator[AsyncSession]:
    """A session for one request."""
    async with sessions() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session)]
TokenDep = Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="login"))]


async def get_current_user(session: SessionDep, token: TokenDep) -> User:
    """The person whose token it is."""
    user = await session.get(User, subject(token))
    if user is None or not user.is_active:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Could not validate credentials")
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


async def may_write(session: AsyncSession, user: User, notebook: Notebook) -> bool:
    """Whether a person owns a notebook or is an editor of it."""
    if notebook.owner_id == user.id:
        return True
    member = await session.get(Member, (notebook.id, user.id))
    return member is not None and member.role == "editor"


# ---- routes --------------------------------------------------------------------------------------------------------


@app.get("/health/ready")
async def ready(session: SessionDep) -> bool:
    """Whether the database answers."""
    (await session.exec(select(User).limit(1))).first()
    return True


@app.post("/login")
async def login(session: SessionDep, credentials: Credentials) -> Token:
    """A token for an address and a password."""
    user = (await session.exec(select(User).where(User.email == credentials.email))).first()
    return token_for(user, credentials.password)


@app.get("/notes", response_model=NotesPublic)
async def list_notes(session: SessionDep, user: CurrentUser, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Any:
    """The newest notes that a person may read."""
    found = await session.exec(readable_notes(user).order_by(col(Note.created_at).desc()).limit(limit))
    return NotesPublic(data=[NotePublic.model_validate(note) for note in found.all()])


@app.get("/notes/{note_id}", response_model=NotePublic)
async def get_note(session: SessionDep, user: CurrentUser, note_id: UUID) -> Any:
    """One note."""
    note = (await session.exec(readable_notes(user).where(Note.id == note_id))).first()
    if note is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "Note not found")
    return note


@app.post("/notes", response_model=NotePublic, status_code=status.HTTP_201_CREATED)
async def create_note(session: SessionDep, user: CurrentUser, new: NoteCreate) -> Any:
    """Write a note."""
    notebook = await session.get(Notebook, new.notebook_id)
    if notebook is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "Notebook not found")
    if not await may_write(session, user, notebook):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "Not enough permissions")
    note = Note.model_validate(new, update={"author_id": user.id})
    session.add(note)
    await session.commit()
    await session.refresh(note)
    return note


@app.patch("/notes/{note_id}", response_model=NotePublic)
async def update_note(session: SessionDep, user: CurrentUser, note_id: UUID, change: NoteUpdate) -> Any:
    """Change a note."""
    note = (await session.exec(readable_notes(user).where(Note.id == note_id))).first()
    if note is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "Note not found")
    notebook = await session.get(Notebook, note.notebook_id)
    if notebook is None or not await may_write(session, user, notebook):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "Not enough permissions")
    note.sqlmodel_update(change.model_dump(exclude_unset=True), update={"updated_at": now()})
    session.add(note)
    await session.commit()
    await session.refresh(note)
    return note


if __name__ == "__main__":
    uvicorn.run(
        app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning", workers=1
    )
