"""A process on its machine: the dyno it may be on, the port it is to have, and the parent that starts two of them."""
