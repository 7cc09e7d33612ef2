"""What Heroku does: provisions, calls partners, delivers webhooks, signs logins, exchanges grants, is saved and loaded.

May touch the world and render it; knows nothing of endpoints, of the control API or of the console. `assembly` has all
its parts, and whoever acts is handed them.
"""
