import asyncio

from dlp.adapters import bulk

USUAL = 1000


def test_only_what_is_expected_of_a_body_is_read_in_large_bits():
    async def main() -> list[int]:
        reader = bulk.Reader()
        reader.feed_data(bytes(bulk.LARGE * 3))
        sizes = [len(await reader.read(USUAL))]
        reader.expected = bulk.LARGE + 2 * USUAL
        sizes += [len(await reader.read(USUAL)) for _ in range(4)]
        reader.feed_eof()
        return [*sizes, len(await reader.read())]

    assert asyncio.run(main()) == [USUAL, bulk.LARGE, 2 * USUAL, USUAL, USUAL, bulk.LARGE * 2 - 5 * USUAL]


def test_both_ends_of_a_connection_read_so():
    async def main() -> tuple[object, object, bytes]:
        accepted: list[object] = []

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.append(reader)
            writer.write(await reader.read(5))
            writer.close()

        server = await bulk.listen(accept, "127.0.0.1", 0, 1)
        reader, writer = await bulk.connect("127.0.0.1", server.sockets[0].getsockname()[1])
        writer.write(b"hello")
        said = await reader.read(USUAL)
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return accepted[0], reader, said

    accepted, reader, said = asyncio.run(main())
    assert isinstance(accepted, bulk.Reader)
    assert isinstance(reader, bulk.Reader)
    assert said == b"hello"
