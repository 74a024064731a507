"""The engine: everything that decides while paiwatch lives, as one pure function over one value. PURE.

Here belong: the state, what can happen to it (events), what that makes of it (transitions), and what is wanted of the world then
(effects, changes). Not here: clocks, files, processes, SQL, or how a plan is made. Neighbours: `plan` before it; `record`
writes its changes, `execution` carries out its effects, `daemon` drives it.
"""
