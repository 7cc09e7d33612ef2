"""What is locked while tables are made."""

# By releases that know of no schema, and by this one in their place.
OLD_MIGRATION_LOCK = 0x68656164
