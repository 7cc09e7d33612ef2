"""What every room of the web stands on: the application, headers, bodies, forms, sessions, pages, and its OpenAPI.

`sessions` says how long a login lasts, a customer's or an operator's; `header_limits` and `bodies` how much is taken.
Knows none of the rooms that stand on it.
"""
