"""Domain: the values that every room shares, and the rules that belong to them alone. PURE.

Not here: reading or writing anything, or what only one stage needs. It imports no stage, and every stage may import it.
"""
