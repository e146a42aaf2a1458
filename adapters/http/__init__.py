"""FastAPI: a request becomes a call of a use case, its answer a response."""
