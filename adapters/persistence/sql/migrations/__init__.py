"""Alembic's revisions of the built-in tables."""
