"""A second reading of the specification language, and a random black-box tester that holds the server to it.

Nothing here imports the server's own code: whatever both sides agree on, they agree on independently.
"""
