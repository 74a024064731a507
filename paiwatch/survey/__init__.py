"""What one snapshot asks for: the glue between trees and the pure parts, and the memory that makes the next look cheap.

Belongs here: which files to read, what to keep from one look to the next. May not: decide what to do, know git or folders.
Before it: sources, catalog, model, releases. After it: plan.
"""

from paiwatch.survey.survey import Survey

__all__ = ["Survey"]
