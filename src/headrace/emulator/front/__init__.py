"""The front of the emulated Heroku: one port for all that it answers, and the way that a request takes to it."""
