"""What happened to one resource, as its page tells it: the lines of its timeline, and the runs that they make up.

Pure. `lines` joins what was recorded, delivered and tried; `runs` says which lines belong together, and where the time
went.
"""
