"""The specification as tables and its rule as SQL."""
