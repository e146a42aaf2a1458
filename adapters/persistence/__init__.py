"""The `Store` port, twice: in plain Python and in SQL."""
