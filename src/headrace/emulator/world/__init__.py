"""What there is at an emulated Heroku: records and their registry, tokens, rate pools, traffic, and a world's file.

Nothing happens by itself here: the rooms above act, and the change feed tells of it. Files that were saved name the
classes of `records`, so these names stay.
"""
