"""How the emulated Heroku shows what it has: records as the JSON objects of the Platform API, a module for each kind.

Pure functions of the world's records; their `url` is where the emulated Heroku is reached. Who asks, and what they may
see, is for the rooms above.
"""
