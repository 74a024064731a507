"""Documents against pydantic models. PURE."""
