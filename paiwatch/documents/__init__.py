"""Text that people wrote, as values with places: YAML, its surprises, shapes, units, encodings.

Here belong: what is true of any document. Not here: what a certain file means. Neighbours: `settings`, `catalog` and `model` read
their files through it. Only `yamltext`, `yamlplain` and `nesting` know PyYAML.
"""
