"""What to do, and why: changes against the record, their dependents, ordered steps with reasons. PURE.

Belongs here: comparing releases with what was applied, impact, order, wording of reasons. May not: know time, runs or processes.
Before it: catalog, releases. After it: engine.
"""
