"""cluster_cfg, the object model that templates see: layout, defaults, overrides; and the record of who read what.

Belongs here: merging configuration documents, tracked reading. May not: render, know a deploy folder.
Before it: sources, documents. After it: releases.
"""
