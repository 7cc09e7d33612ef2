"""The operators' pages: each with its JSON, its address and its description in one module.

To add one:

1. A module here. Its `View` says once, for the page and its JSON, where it is and what it tells; its context is what
   the template has; its class loads the one and makes the other of it. `notices.py` is a short one.
2. The template that the context names: `tests/web/test_contexts.py` holds the two against each other.
3. Its line in `routes.py`, and one in `OPERATOR_PAGES` if the bar of every page leads to it. A test of what it tells;
   its addresses in `tests/web/operators/entering.py`, where all are tried by strangers; its row in docs/settings.md.

What they share is in `frame`; `orders` is what operators may order, `drawing` the lines and charts, `story` the
timeline.
"""
