"""JSON Schema of config.yaml and service.yaml, for editors. PURE."""
