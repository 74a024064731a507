"""cluster_cfg as OpenPAI's paictl makes it: layout, services configuration, and sections that parsers compute. PURE.

Belongs here: the rules of that model, and what is doubtful about a configuration. May not: run parsers or read files.
Before it: parsers. After it: survey, which runs the parsers in between `request` and `assemble`.
"""
