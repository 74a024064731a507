"""What happened and what is applied: SQLite for facts, an archive of releases, the state lock.

Belongs here: durable memory and its migrations. May not: decide, or start anything.
Before it: plan (whose values it stores), operators (whose results it stores). After it: report.
"""
