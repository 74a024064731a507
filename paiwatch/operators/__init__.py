"""Running one step: a private stage, a process group, a time limit, a capped log, nothing left behind.

Belongs here: stages, bash, signals, output files. May not: decide what runs or write the record.
Before it: domain. After it: record, execution.
"""
