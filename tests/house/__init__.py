"""The rules of the house that a command can check."""
