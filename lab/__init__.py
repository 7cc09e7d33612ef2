"""Where headrace is measured and tried: what neither a user nor a test of one rule needs."""
