"""Other people's parsers (`src/S/config/<s>.py`), run in a process of their own: limited, without credentials, in a private folder.

Belongs here: starting and ending that process, what runs inside it, and the form in which values cross. May not: know
paiwatch's documents, problems or settings. Before it: nothing. After it: model and survey, which ask for sections.
"""
