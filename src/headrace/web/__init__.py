"""The faces: what Heroku, customers, operators and programs reach over HTTP."""
