"""Freehold beside the usual FastAPI app and PocketBase: `python -m benchmarks.run`."""
