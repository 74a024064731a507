"""The one task that owns the state, and all that it sets in motion: looks, plans in force, runs, writes to the record.

Here belong: feeding the pure rooms (`plan`, `convergence`) and carrying out what they say. Not here: deciding what should run, or how a
script or a repository works. Neighbours: `survey` looks for it, `operators` run for it, `record` remembers; `daemon` starts it.
"""
