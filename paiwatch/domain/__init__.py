"""Values that every room shares. PURE.

Here belongs what several rooms must agree on and none of them owns. Not here: reading or writing anything, or a rule that one room alone needs.
Neighbours: everybody may import this; it imports nobody.
"""
