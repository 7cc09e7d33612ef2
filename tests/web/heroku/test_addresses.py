"""A service stands where Heroku calls it, whatever form its manifest gives the addresses."""

import pytest

from browsing import visit
from pair import play_pair

ADA = "ada@lumen.example"


@pytest.mark.parametrize("base_path", ["", "/", "/addon", "/addon/", "/heroku/resources/", "/v2/heroku/resources"])
async def test_the_suffix_that_heroku_appends_is_served(sqlite_url: str, base_path: str) -> None:
    """Of a plain host, of a path without it, and with a slash at the end."""
    async with play_pair(sqlite_url, base_path=base_path) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()

        assert "provisioned" == addon.state
        assert addon.service.manifest.base_url.endswith("/heroku/resources")


@pytest.mark.parametrize("sso_path", ["/heroku/resources/sso", "/heroku/resources/sso/login", "/heroku/sso", "/", ""])
async def test_logins_are_taken_where_the_manifest_has_them(sqlite_url: str, sso_path: str) -> None:
    """Below the Partner API too, where everything else asks for its password."""
    async with play_pair(sqlite_url, sso_path=sso_path) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        _, form = pair.heroku.sso_form(addon, ADA)
        page = await visit(pair, sso_path or "/", form=form)
        async with pair.http.post(f"{pair.url}/heroku/resources", json={}) as stranger:
            status = stranger.status

    assert (303, f"/board#resource-{addon.id}", 401) == (page.status, page.headers["Location"], status)


async def test_without_single_sign_on_there_is_nowhere_to_log_in(sqlite_url: str) -> None:
    """Neither an address to post to nor, without a salt, a form that would verify."""
    async with play_pair(sqlite_url, sso_path=None) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free")
        await pair.settle()
        page = await visit(pair, "/sso/login", form={"resource_id": addon.id})

    assert ("provisioned", 404) == (addon.state, page.status)
