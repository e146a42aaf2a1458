"""The outside, plugged into the ports of `application.ports`: HTTP, databases, hashing, tokens, files."""
