"""What Freehold is compared with: notebooks and notes as most people write them with FastAPI and SQLModel.

The style is that of FastAPI's own documentation and project template: a session per request by `Depends`, a current
user who is loaded from the database after his JWT (HS256) was checked, `response_model` on every route, plain `def`.
Where the style leaves a choice, the faster one was taken: lists do not count; access is one outer join, which lets
SQLite walk the newest notes instead of sorting all that a person may read; the pool has a connection for each thread
that can wait for one; there is no access log. SQLite runs in WAL mode with `synchronous=FULL`, as in Freehold.

    BASELINE_DATABASE=notes.db python -m benchmarks.baseline 8001
"""

import os
import sqlite3
import sys
from collections.abc import Iterator
from typing import Annotated, Any
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, status
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy import event
from sqlmodel import Session, col, create_engine, select

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

THREADS = 40
"""in which Starlette runs plain `def` routes"""

engine = create_engine(
    f"sqlite:///{os.environ.get('BASELINE_DATABASE', 'baseline.db')}",
    connect_args={"timeout": 30, "check_same_thread": False},
    pool_size=THREADS,
)
app = FastAPI(title="Baseline")


@event.listens_for(engine, "connect")
def configure(connection: sqlite3.Connection, _record: object) -> None:
    """Give every connection the durability of Freehold's."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


# ---- dependencies --------------------------------------------------------------------------------------------------


def get_session() -> Iterator[Session]:
    """A session for one request."""
    with Session(engine) as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]
TokenDep = Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="login"))]


def get_current_user(session: SessionDep, token: TokenDep) -> User:
    """The person whose token it is."""
    user = session.get(User, subject(token))
    if user is None or not user.is_active:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Could not validate credentials")
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


# ---- access --------------------------------------------------------------------------------------------------------


def may_write(session: Session, user: User, notebook: Notebook) -> bool:
    """Whether a person owns a notebook or is an editor of it."""
    if notebook.owner_id == user.id:
        return True
    member = session.get(Member, (notebook.id, user.id))
    return member is not None and member.role == "editor"


# ---- routes --------------------------------------------------------------------------------------------------------


@app.get("/health/ready")
def ready(session: SessionDep) -> bool:
    """Whether the database answers."""
    session.exec(select(User).limit(1)).first()
    return True


@app.post("/login")
def login(session: SessionDep, credentials: Credentials) -> Token:
    """A token for an address and a password."""
    user = session.exec(select(User).where(User.email == credentials.email)).first()
    return token_for(user, credentials.password)


@app.get("/notes", response_model=NotesPublic)
def list_notes(session: SessionDep, user: CurrentUser, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Any:
    """The newest notes that a person may read."""
    notes = session.exec(readable_notes(user).order_by(col(Note.created_at).desc()).limit(limit)).all()
    return NotesPublic(data=[NotePublic.model_validate(note) for note in notes])


@app.get("/notes/{note_id}", response_model=NotePublic)
def get_note(session: SessionDep, user: CurrentUser, note_id: UUID) -> Any:
    """One note."""
    note = session.exec(readable_notes(user).where(Note.id == note_id)).first()
    if note is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "Note not found")
    return note


@app.post("/notes", response_model=NotePublic, status_code=status.HTTP_201_CREATED)
def create_note(session: SessionDep, user: CurrentUser, new: NoteCreate) -> Any:
    """Write a note."""
    notebook = session.get(Notebook, new.notebook_id)
    if notebook is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "Notebook not found")
    if not may_write(session, user, notebook):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "Not enough permissions")
    note = Note.model_validate(new, update={"author_id": user.id})
    session.add(note)
    session.commit()
    session.refresh(note)
    return note


@app.patch("/notes/{note_id}", response_model=NotePublic)
def update_note(session: SessionDep, user: CurrentUser, note_id: UUID, change: NoteUpdate) -> Any:
    """Change a note."""
    note = session.exec(readable_notes(user).where(Note.id == note_id)).first()
    if note is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "Note not found")
    notebook = session.get(Notebook, note.notebook_id)
    if notebook is None or not may_write(session, user, notebook):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "Not enough permissions")
    note.sqlmodel_update(change.model_dump(exclude_unset=True), update={"updated_at": now()})
    session.add(note)
    session.commit()
    session.refresh(note)
    return note


if __name__ == "__main__":
    uvicorn.run(
        app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning", workers=1
    )
