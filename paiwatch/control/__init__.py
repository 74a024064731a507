"""What people may ask of a running paiwatch, and both ends of the socket they ask through.

Here belong: one function for each command, the shapes in which it is asked and answered, and who asks. Not here: words for a terminal (`cli`), or a
second way of changing the state: every command is an event of the engine. Neighbours: `daemon` hands it to the engine, `report` describes.
"""
