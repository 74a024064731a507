"""config.yaml from disk: read, overridden by the environment, checked."""
