"""The rules of Freehold: pure Python, standard library only, no clock and no I/O."""
