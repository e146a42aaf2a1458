"""What the isolation proof attacks through, and how it shows."""
