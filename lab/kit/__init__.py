"""What a bench and a trial are put together from: processes, databases, load, worlds, fleets, a stand-in for Heroku."""
