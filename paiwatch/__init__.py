"""paiwatch: event-driven GitOps for anything that has scripts."""
