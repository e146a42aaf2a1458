"""What callers can do: use cases over ports. No framework, no database, no clock of its own."""
