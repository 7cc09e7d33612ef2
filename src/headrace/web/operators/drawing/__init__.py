"""What the operators' pages draw: counts and moments in, the geometry of lines, strips and charts out.

Pure; a template makes the picture of it. `channels` are pipelines and placements as lines.
"""
