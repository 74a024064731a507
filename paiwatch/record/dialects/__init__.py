"""What one database knows and another does not. The rest of the record speaks SQL that SQLite and PostgreSQL both understand.

Belongs here: opening a database and what its durability needs, its faults with their remedies, back-ups and given back space,
INSERT … ON CONFLICT. May not: know what rows mean.
Before it: schema and migrations, which it brings a file to. After it: every statement of the record.
"""
