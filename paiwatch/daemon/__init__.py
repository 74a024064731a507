"""The process: builds every part of a paiwatch that holds the state lock, starts them, stops them in reverse, and keeps systemd told.

Here belong: the composition root and what a long life needs besides deciding. Not here: any decision, any SQL, any script.
Neighbours: `engine` is what it starts, `control` is how people reach it, `cli` is who starts it.
"""
