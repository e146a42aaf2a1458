"""Freehold."""
