"""What programs ask with a token: the partner's own at `/api`, and Prometheus at `/metrics`.

Without the token's setting there is no such address.
"""
