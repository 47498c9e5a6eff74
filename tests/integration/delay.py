"""A TCP proxy that hands every byte on later.

delay.py ADDRESS TARGET SECONDS: prints its port, ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

_SSH = 22
_CHUNK = 1 << 16


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Copy one direction; a long line, not a narrow one: what comes later does not wait for what came before."""
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        data = b"-"
        while data:
            due, data = await under_way.get()
            await asyncio.sleep(due - loop.time())
            writer.write(data)
            await writer.drain()
        writer.close()

    delivery = asyncio.create_task(deliver())
    data = b"-"
    while data:
        try:
            data = await reader.read(_CHUNK)
        except ConnectionError:
            data = b""
        under_way.put_nowait((loop.time() + seconds, data))
    with contextlib.suppress(ConnectionError):
        await delivery


async def _serve(address: str, target: str, seconds: float) -> None:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(target, _SSH)
        await asyncio.gather(_hand_on(reader, there_writer, seconds), _hand_on(there_reader, writer, seconds))

    server = await asyncio.start_server(connect, address, 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], sys.argv[2], float(sys.argv[3])))
