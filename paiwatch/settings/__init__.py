"""config.yaml as frozen sections, with every fault told at once; and the schemas that editors use.

Here belong: the keys an administrator may write, their rules, and reading them. Not here: what the trees say (`catalog`, `model`).
Neighbours: `documents` parses and checks shapes; `daemon` hands each part the few fields it needs.
"""
