"""YAML text to Document values: marks, duplicate keys, surprises. The only room that knows PyYAML."""
