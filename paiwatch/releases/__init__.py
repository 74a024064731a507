"""One service as it would run: the deploy folder with its templates rendered, named by a digest. PURE over text.

Belongs here: rendering, digests, the reads of a template. May not: open files or decide what to do.
Before it: catalog, model. After it: plan.
"""
