"""What the tree says about its services: service.yaml to Service values or Problems, and the graph they form. PURE.

Belongs here: the meaning of service.yaml, prerequisites, cycles. May not: read files, parse YAML text, render.
Before it: sources (trees), documents (parsed YAML). After it: releases.
"""
