"""What every answer of a service carries."""

from browsing import Page, log_in, provision, read_csrf, visit
from headrace.models import Secret
from headrace.protocol.partner import build_basic_auth
from pair import ADA, PASSWORD, SLUG, play_pair

UUID = "01234567-89ab-cdef-0123-456789abcdef"


async def test_every_answer_carries_the_security_headers(sqlite_url: str) -> None:
    """Pages, JSON, errors, redirects and what Heroku is answered: no script, sniffing, frame, store or neighbour."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        cookie = await log_in(pair, addon)
        basic = {"Authorization": build_basic_auth(SLUG, Secret(PASSWORD))}
        pages = [
            await visit(pair, "/board", cookie=cookie),
            await visit(pair, "/board.json", cookie=cookie),
            await visit(pair, "/board"),
            await visit(pair, "/"),
            await visit(pair, "/sso/login", form=pair.heroku.sso_form(addon, ADA)[1]),
            await visit(pair, "/sso/login", form={}),
            await visit(pair, "/sso/login"),
            await visit(pair, "/board/check", form={}),
            await visit(pair, "/nowhere"),
            await visit(pair, "/static/style.css"),
            await visit(pair, "/health"),
            await visit(pair, "/ready"),
            await visit(pair, "/metrics"),
            await visit(pair, "/heroku/resources", form=b"{"),
        ]
        async with pair.http.delete(f"{pair.url}/heroku/resources/{UUID}", headers=basic) as answer:
            pages.append(Page(status=answer.status, text="", headers=answer.headers.copy(), cookie=None))

        for page in pages:
            policy = page.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert ("nosniff", "DENY", "same-origin") == (
                page.headers["X-Content-Type-Options"],
                page.headers["X-Frame-Options"],
                page.headers["Referrer-Policy"],
            )
            assert ("same-origin", "same-origin") == (
                page.headers["Cross-Origin-Opener-Policy"],
                page.headers["Cross-Origin-Resource-Policy"],
            )
            assert "camera=()" in page.headers["Permissions-Policy"]
            assert "Strict-Transport-Security" not in page.headers
        stored = [page.headers["Cache-Control"] for page in pages]
        assert "max-age=3600" == stored[9]
        assert {"no-store"} == {*stored[:9], *stored[10:]}


async def test_what_is_larger_than_a_packet_is_compressed_for_whom_asks(sqlite_url: str) -> None:
    """Pages, JSON and static files; the client's own decoder gives the same text back."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        cookie = await log_in(pair, addon)
        for path in ("/board", "/openapi.json", "/static/style.css", "/static/board.js"):
            plain = await visit(pair, path, cookie=cookie, headers={"Accept-Encoding": "identity"})
            small = await visit(pair, path, cookie=cookie, headers={"Accept-Encoding": "gzip"})

            assert ("gzip", None) == (small.headers.get("Content-Encoding"), plain.headers.get("Content-Encoding"))
            assert int(small.headers["Content-Length"]) < 0.5 * len(plain.text.encode())
            assert {"Accept-Encoding"} == {page.headers["Vary"] for page in (plain, small)}
        health = await visit(pair, "/health", headers={"Accept-Encoding": "gzip"})

        assert "Content-Encoding" not in health.headers


async def test_a_static_file_is_kept_for_a_year_under_the_address_of_what_it_holds(sqlite_url: str) -> None:
    """Pages link to that; the plain address, which partners have on their own pages, is asked for each hour."""
    async with play_pair(sqlite_url) as pair:
        board = await visit(pair, "/board", cookie=await log_in(pair, await provision(pair)))
        linked = f"/static/style.css?v={board.text.split('/static/style.css?v=')[1][:12]}"
        versioned, plain = await visit(pair, linked), await visit(pair, "/static/style.css")

        assert ("max-age=31536000, immutable", "max-age=3600") == (
            versioned.headers["Cache-Control"],
            plain.headers["Cache-Control"],
        )
        assert versioned.text == plain.text


async def test_no_two_pages_hold_the_same_token(sqlite_url: str) -> None:
    """How well a page is compressed would tell what repeats in it; each token is good all the same."""
    async with play_pair(sqlite_url) as pair:
        cookie = await log_in(pair, await provision(pair))
        tokens = [read_csrf(await visit(pair, "/board", cookie=cookie)) for _ in range(3)]
        answers = [
            (await visit(pair, "/board/check", cookie=cookie, form={"csrf": token})).status
            for token in [*tokens, tokens[0][:-4] + "AAAA", "", "é", "=", tokens[0] * 2]
        ]

        assert 3 == len(set(tokens))
        assert [303] * 3 + [403] * 5 == answers
