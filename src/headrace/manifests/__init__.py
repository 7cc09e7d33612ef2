"""A partner's manifest: the file, what may be shown of it, and Heroku's add-ons host, which has the one in force."""
