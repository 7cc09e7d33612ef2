"""What Heroku calls: the Partner API, and webhook deliveries.

Verifies and parses with `protocol`, hands on to `workflows.lifecycle`, and answers; decides nothing itself.
"""
