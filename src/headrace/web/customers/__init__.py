"""What customers open: their way in from Heroku, and the board of what they may see.

Whoever comes here has a signed login of Heroku's or a session of an hour; `boards` serves programs too.
"""
