"""What may run now: a state machine, events in, intents out. PURE; time comes in with the events.

Belongs here: ordering in time, parallelism, back-off, quarantine, superseding. May not: start anything, remember on disk, read a clock.
Before it: plan. After it: operators, which carry the intents out.
"""
