import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.engine.mcp_stubs import RUNTIME, identifier, stubs

QUERY: dict[str, Any] = {
    "name": "query_records",
    "description": 'Runs a "SOQL" query.\n\nUse \\n for a new line and """ for three quotes"',
    "inputSchema": {
        "type": "object",
        "properties": {
            "soql": {"type": "string", "description": "The query."},
            "limit": {"type": ["integer", "null"]},
            "order": {"enum": ["up", "down"]},
            "class": {"anyOf": [{"type": "string"}, {"type": "number"}]},
            "region": {"type": "string", "x-mcp-header": "Region"},
            "filters": {"type": "array", "items": {"$ref": "#/$defs/Filter"}},
        },
        "required": ["soql"],
        "$defs": {"Filter": {"type": "object", "properties": {"field": {"type": "string"}}, "required": ["field"]}},
    },
    "outputSchema": {
        "type": "object",
        "properties": {"records": {"type": "array", "items": {"type": "object"}}, "total": {"type": "integer"}},
        "required": ["records"],
    },
}


def written(*tools: dict[str, Any], server: str = "salesforce") -> dict[str, str]:
    return {str(stub.path): stub.text for stub in stubs({server: tools})}


def signature(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("async def"))


def test_a_tool_becomes_a_typed_function_in_a_file_of_its_own():
    files = written(QUERY)
    assert set(files) == {
        "servers/__init__.py",
        "servers/salesforce/__init__.py",
        "servers/salesforce/query_records.py",
    }
    text = files["servers/salesforce/query_records.py"]
    assert signature(text) == (
        "async def query_records(*, soql: str, limit: int | None = LEFT_OUT, order: Literal['up', 'down'] = LEFT_OUT, "
        "class_: str | float = LEFT_OUT, region: str = LEFT_OUT, filters: list[FiltersItem] = LEFT_OUT) -> Result:"
    )
    assert "class FiltersItem(TypedDict):\n    field: str\n" in text
    assert "    records: list[dict[str, Any]]\n    total: NotRequired[int]\n" in text
    assert "{'Region': region}" in text
    assert "'class': class_" in text


def test_the_docstring_says_what_the_definition_says():
    module = ast.parse(written(QUERY)["servers/salesforce/query_records.py"])
    function = module.body[-1]
    assert isinstance(function, ast.AsyncFunctionDef)
    said = ast.get_docstring(function)
    assert said is not None
    assert said.startswith(QUERY["description"])
    assert said.endswith("- soql: The query.")


def test_the_index_of_a_server_offers_each_function():
    index = written(QUERY, {"name": "get-sum"})["servers/salesforce/__init__.py"]
    assert "from .query_records import query_records" in index
    assert "__all__ = ['get_sum', 'query_records']" in index


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("get-sum", "get_sum"),
        ("chat.postMessage", "chat_postMessage"),
        ("class", "class_"),
        ("match", "match_"),
        ("2fa", "tool_2fa"),
        ("../../etc/passwd", "etc_passwd"),
        ("…", "tool"),
        ("_wall", "wall"),
    ],
)
def test_a_name_is_one_that_python_takes(name: str, made: str):
    assert identifier(name) == made


def test_names_that_become_the_same_are_told_apart_and_none_shadows_what_the_file_uses():
    files = written({"name": "a-b"}, {"name": "a.b"}, {"name": "call"}, {"name": "Any"})
    assert {"servers/salesforce/a_b.py", "servers/salesforce/a_b_2.py"} <= set(files)
    assert "async def call_2(" in files["servers/salesforce/call_2.py"]
    assert "async def Any_2(" in files["servers/salesforce/Any_2.py"]
    assert f"servers/{RUNTIME}/__init__.py" not in written(QUERY, server="_wall")


EVIL = 'x"""\nimport os; os.system("true")\n"""'


@pytest.mark.parametrize("end", ["\\", '"', '"\x1b', '" \t', '"\u200b'])
def test_no_text_of_a_definition_becomes_code(end: str):
    tool = {
        "name": EVIL,
        "description": EVIL + end,
        "title": EVIL,
        "inputSchema": {
            "type": "object",
            "properties": {EVIL: {"type": EVIL, "description": EVIL, "x-mcp-header": EVIL}, "e": {"enum": [EVIL]}},
        },
        "outputSchema": {"type": "object", "properties": {EVIL: {"type": "string"}, "a": {"$ref": EVIL}}},
    }
    for text in written(tool, server="evil").values():
        for node in ast.walk(ast.parse(text)):
            assert not isinstance(node, ast.Import)
            assert not (isinstance(node, ast.Attribute) and node.attr == "system")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from(["object", "array", "string"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "items", "enum", "anyOf", "required", "$ref", "$defs", "const", "description"]
            )
            | st.text(max_size=6),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@given(st.text(min_size=1, max_size=20), st.text(max_size=80), _JSON, _JSON)
def test_whatever_a_server_defines_the_file_is_python_with_one_function(
    name: str, description: str, given_in: Any, given_out: Any
):
    tool = {"name": name, "description": description, "inputSchema": given_in, "outputSchema": given_out}
    for path, text in written(tool).items():
        module = ast.parse(text)
        assert text.isascii() or "\u202e" not in text
        if not path.endswith("__init__.py"):
            kinds = {type(node) for node in module.body}
            assert kinds <= {ast.Expr, ast.ImportFrom, ast.ClassDef, ast.AsyncFunctionDef}
            assert sum(isinstance(node, ast.AsyncFunctionDef) for node in module.body) == 1


def test_a_schema_that_refers_to_itself_ends():
    tree = {"type": "object", "properties": {"child": {"$ref": "#/$defs/Tree"}}}
    tool = {"name": "t", "inputSchema": {"properties": {"tree": {"$ref": "#/$defs/Tree"}}, "$defs": {"Tree": tree}}}
    assert "Any" in written(tool)["servers/salesforce/t.py"]
