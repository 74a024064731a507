"""What one snapshot asks for."""
