"""Where Heroku writes its contract with add-on partners down, and where it can only be read from code."""

from headrace.checker.kit.fact import Article

DEV_CENTER = "https://devcenter.heroku.com/articles"

PARTNER_API = Article("Add-on Partner API Reference", f"{DEV_CENTER}/add-on-partner-api-reference")
BEST_PRACTICES = Article(
    "Add-on Partner Technical Best Practices", f"{DEV_CENTER}/add-on-partner-technical-best-practices"
)
ASYNCHRONOUS = Article(
    "Getting Started with Asynchronous Provisioning",
    f"{DEV_CENTER}/getting-started-with-asynchronous-provisioning",
)
LATER_REMOVAL = Article("Asynchronous Deprovisioning of Add-ons", f"{DEV_CENTER}/asynchronous-deprovisioning-of-addons")
PARTNERS = Article("Platform API for Partners", f"{DEV_CENTER}/platform-api-for-partners")
PLATFORM_API = Article("Platform API Reference", f"{DEV_CENTER}/platform-api-reference")
SSO = Article("Add-on Single Sign-on", f"{DEV_CENTER}/add-on-single-sign-on")
MANIFEST = Article("Add-on Manifest", f"{DEV_CENTER}/add-on-manifest")
KENSA = Article("kensa, Heroku's test tool for the v1 API", "https://github.com/heroku/kensa")
