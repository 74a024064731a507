"""One view of status for every reader: CLI, and later pages and metrics. Never writes.

Belongs here: turning plan, record and progress into rows and JSON shapes. May not: print, write, or act.
Before it: record. After it: cli.
"""
