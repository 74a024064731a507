"""Execution: effects of the engine carried out on this machine: archive, stage, script, output. It decides nothing.

Here belong: the executor and what it needs, the one thread of the store, and waiting for a disk that is full. Not here: what may run,
or what follows from how it ended. Neighbours: `engine` says what to do; `daemon` makes tasks of it; `operators` knows scripts.
"""
