"""A call is one request, whatever comes of it."""

import asyncio

import aiohttp
import pytest

from headrace.emulator.kit.once import send_once


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_a_request_whose_answer_is_lost_is_not_sent_again(method: str) -> None:
    """The server has acted on it, and hangs up before it answers."""
    heard: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        with pytest.raises(aiohttp.ClientError):
            await session.request(method, f"http://127.0.0.1:{port}/resource", middlewares=send_once())

    assert [method] == [request.split()[0].decode() for request in heard]
