"""The specification language: its model, its grammar and what can be asked of it."""
