from dlp.core.message import Block, Direction, Endpoint, Kind, Message, Part

SECRET = "maria.gonzalez@acme.org"


def test_parts_are_made_once_and_only_when_asked_for():
    made: list[int] = []

    def make() -> tuple[Part, ...]:
        made.append(1)
        return (Part("/a", "x"),)

    block = Block(make)
    assert made == []
    assert block.parts == block.parts == (Part("/a", "x"),)
    assert made == [1]


def test_a_message_counts_the_parts_of_all_its_blocks():
    blocks = (Block(lambda: (Part("url/0", "v1"),)), Block(lambda: (Part("/a", "x"), Part("/b", "y"))))
    message = Message(Direction.OUTBOUND, Endpoint("http", "https://a.test:443", "GET"), blocks)
    assert [part.path for part in message.parts] == ["url/0", "/a", "/b"]


def test_no_text_is_in_what_is_printed():
    part = Part("/mail", SECRET, Kind.TEXT, SECRET)
    endpoint = Endpoint("http", "https://a.test:443", "GET", f"/users/{SECRET}")
    block = Block(lambda: (part,), surface=SECRET.encode(), key=SECRET)
    assert block.parts
    message = Message(Direction.INBOUND, endpoint, (block,))
    assert message.parts
    assert SECRET not in repr((part, endpoint, block, message))
    assert repr(Block(lambda: ())) == "Block(? bytes)"


def test_parts_that_are_read_elsewhere_are_made_anew_with_what_was_read():
    read: list[str] = ["cannot be read here"]
    block = Block(lambda: (Part("", read[-1]),), far=lambda: "read elsewhere", take=read.append)
    assert block.parts == (Part("", "cannot be read here"),)
    assert block.far is not None
    block.settle(block.far())
    assert (block.parts, block.far) == ((Part("", "read elsewhere"),), None)
    plain = Block(lambda: ())
    plain.settle(None)
    assert plain.parts == ()


def test_only_a_registered_method_is_told():
    told = {Endpoint("http", "https://a.test:443", method).told for method in ("GET", "4111111111111111", "get", "")}
    assert told == {"GET", "*", ""}
    assert [Endpoint("mcp", "mcp://a:0", method).told for method in ("tools/call", "GET", "4111111111111111")] == [
        "tools/call",
        "*",
        "*",
    ]


def test_what_was_made_of_a_block_is_known_without_making_it():
    block = Block(lambda: (Part("", "x"),))
    assert block.made == ()
    assert block.parts == block.made == (Part("", "x"),)
