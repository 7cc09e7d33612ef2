"""The inspector: where every resource stands, how fresh that knowledge is, and what the board shows of it."""
