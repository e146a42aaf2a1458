"""How Freehold is started: settings, the container, the ASGI app and the `freehold` command."""
