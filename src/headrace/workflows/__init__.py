"""Durable work: the port to the workflow engine, the partner's hooks, and the three workflows."""
