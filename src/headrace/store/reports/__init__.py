"""Queries that only read, one module for each page, figure or file that is made of them.

A column of an export is in `exports`, the count of a figure in `figures.roll_up`, and which days of it are read in
`figures.insights`. What writes too is in `store.state`.
"""
