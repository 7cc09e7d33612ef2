"""Run a Heroku add-on: provisioning, pipelines, a board for customers, and an emulator of Heroku."""
