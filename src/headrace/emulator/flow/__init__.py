"""What a pipeline has beside its apps: review apps, test runs, apps set up after an app.json; rules and endpoints.

From below: `app_json` reads, `setups` makes an app of what was read, `review_apps` and `test_runs` are what it is made
for, `following` is told of what becomes of their apps and add-ons; the others answer calls.
"""
