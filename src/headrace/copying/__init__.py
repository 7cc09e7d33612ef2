"""Taking a whole installation from one database to another, SQLite or PostgreSQL: rows as they are, work under way too.

`copy_installation` says what has to hold before, copies and compares; `tables` are the mechanics of one table.
"""
