"""Tables, messages and access of what Freehold is compared with, as both forms of it have them.

The one is plain `def` on SQLite (`baseline.py`), the other `async def` on PostgreSQL (`baseline_async.py`).
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from fastapi import HTTPException, status
from sqlalchemy import DateTime, MetaData
from sqlmodel import Field, SQLModel, and_, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

SECRET = os.environ.get("BASELINE_SECRET", "a secret of a benchmark, which protects nothing")
ALGORITHM = "HS256"

passwords = PasswordHasher()


# ---- tables and messages -------------------------------------------------------------------------------------------


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class User(SQLModel, table=True):
    """Somebody who logs in."""

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    email: str = Field(unique=True, index=True)
    hashed_password: str
    is_active: bool = True


class Notebook(SQLModel, table=True):
    """What notes are kept in and shared by."""

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    owner_id: UUID = Field(foreign_key="user.id", index=True, ondelete="CASCADE")
    title: str
    created_at: datetime = Field(default_factory=now, sa_type=DateTime(timezone=True))


class Member(SQLModel, table=True):
    """Somebody else's right in a notebook."""

    notebook_id: UUID = Field(foreign_key="notebook.id", primary_key=True, ondelete="CASCADE")
    user_id: UUID = Field(foreign_key="user.id", primary_key=True, index=True, ondelete="CASCADE")
    role: str


class NoteBase(SQLModel):
    """What a person writes."""

    title: str
    body: str
    status: Literal["open", "done"] = "open"


class NoteCreate(NoteBase):
    """A new note."""

    notebook_id: UUID


class NoteUpdate(SQLModel):
    """A change of a note."""

    title: str | None = None
    body: str | None = None
    status: Literal["open", "done"] | None = None


class Note(SQLModel, table=True):
    """A note as it is kept."""

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    notebook_id: UUID = Field(foreign_key="notebook.id", index=True, ondelete="CASCADE")
    author_id: UUID | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    title: str
    body: str
    status: str = "open"
    created_at: datetime = Field(default_factory=now, index=True, sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(default_factory=now, sa_type=DateTime(timezone=True))


class NotePublic(NoteBase):
    """A note as it is answered."""

    id: UUID
    notebook_id: UUID
    author_id: UUID | None
    created_at: datetime
    updated_at: datetime


class NotesPublic(SQLModel):
    """A page of notes."""

    data: list[NotePublic]


class Credentials(SQLModel):
    """A login."""

    email: str
    password: str


class Token(SQLModel):
    """What a login gives."""

    access_token: str
    token_type: str = "bearer"


def models() -> tuple[type[SQLModel], ...]:
    """The tables, those that others refer to first."""
    return User, Notebook, Member, Note


def metadata() -> MetaData:
    """These tables alone; SQLModel keeps whatever a process defines in one place."""
    chosen = MetaData()
    for model in models():
        SQLModel.metadata.tables[str(model.__tablename__)].to_metadata(chosen)
    return chosen


# ---- tokens --------------------------------------------------------------------------------------------------------


def subject(token: str) -> UUID:
    """Whose token it is; 401 for one that is none."""
    try:
        return UUID(jwt.decode(token, SECRET, algorithms=[ALGORITHM])["sub"])
    except (jwt.InvalidTokenError, KeyError, ValueError) as error:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Could not validate credentials") from error


def token_for(user: User | None, password: str) -> Token:
    """A token for who knows the password; 400 for others."""
    try:
        if user is None or not passwords.verify(user.hashed_password, password):
            raise HTTPException(status.HTTP_400_BAD_REQUEST, "Incorrect email or password")
    except VerifyMismatchError as error:
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "Incorrect email or password") from error
    claims = {"sub": str(user.id), "exp": now() + timedelta(days=8)}
    return Token(access_token=jwt.encode(claims, SECRET, ALGORITHM))


# ---- access --------------------------------------------------------------------------------------------------------


def readable_notes(user: User) -> SelectOfScalar[Note]:
    """The notes in a person's own notebooks and in those where he is a member."""
    return (
        select(Note)
        .join(Notebook, col(Notebook.id) == col(Note.notebook_id))
        .outerjoin(Member, and_(col(Member.notebook_id) == col(Notebook.id), col(Member.user_id) == user.id))
        .where(or_(col(Notebook.owner_id) == user.id, col(Member.user_id).is_not(None)))
    )
