"""Transitions: what each event makes of a state. PURE; each function changes the draft that it is given, and nothing else.

Here belongs every rule that decides at run time, once. Not here: how facts are written (`record`), how a plan is made (`plan`).
Neighbours: `engine` calls these; they call each other downwards only (see the import contract).
"""
