"""What is stored: one schema on SQLite and PostgreSQL, queries named after the question they answer."""
