"""What is tried for as long as one likes: processes that are killed, faults and load, hostile input."""
