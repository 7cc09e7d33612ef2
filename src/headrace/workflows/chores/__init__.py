"""What a worker does again and again unasked: the sweep, which keeps placements current, and upkeep.

Each does little at a time, and any number of workers may do it; `headrace.running` calls them.
"""
