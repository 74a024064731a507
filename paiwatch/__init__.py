"""paiwatch: event-driven GitOps for anything that has scripts."""

__version__ = "0.1.0"
