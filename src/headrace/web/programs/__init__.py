"""What programs ask with a token: the partner's own at `/api`, and Prometheus at `/metrics`.

`gate` lets in who may, a module each has what is asked or ordered of one subject, and `api` has all their routes.
"""
