"""What an emulator is made of before anything is in it: clock, agenda, faults, switches, paging, records as JSON.

What goes wrong on demand is decided in `faults`; where Heroku's documents are silent, the choice stands in `switches`.
Every room of the emulator may import this one; it imports none of them.
"""
