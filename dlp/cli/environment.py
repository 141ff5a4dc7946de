"""What a sandbox needs in its environment to go through the proxy, and to trust it and nothing else."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

# What each client reads to find the authorities it trusts.
_BUNDLE_VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "AWS_CA_BUNDLE",
    "DENO_CERT",
    "CARGO_HTTP_CAINFO",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def proxy_url(session: str, secret: str, host: str, port: int) -> str:
    """Return the proxy's URL with a session's credentials, which are safe in URLs as they are."""
    return f"http://{session}:{secret}@{f'[{host}]' if ':' in host else host}:{port}"


def environment(proxy: str, session: str, bundle: Path, hashed: Path, mcp: str = "") -> dict[str, str]:
    """Return the variables; `bundle` and `hashed` are the authority's certificate as a file and as a folder.

    `mcp` is the origin of the MCP gateway, "" where there is none.
    """
    variables = {}
    for name in _PROXY_VARIABLES:
        variables[name] = variables[name.lower()] = proxy
    # What the operator's shell exempts from its own proxy would go round ours.
    variables["NO_PROXY"] = variables["no_proxy"] = mcp.rpartition("/")[2]
    variables["NODE_USE_ENV_PROXY"] = "1"
    variables |= dict.fromkeys(_BUNDLE_VARIABLES, str(bundle))
    variables["SSL_CERT_DIR"] = str(hashed)
    variables["DLP_SESSION"] = session
    who = urlsplit(proxy)
    if mcp:
        variables["DLP_MCP_URL"] = f"{mcp}/mcp"
    variables["DLP_MCP_TOKEN"] = f"{who.username}.{who.password}" if who.password else ""
    return variables


def nowhere() -> dict[str, str]:
    """Return variables that lead to no proxy at all (RFC 6761: `invalid` never resolves)."""
    return environment("http://no-session.invalid:9", "", Path("/dev/null"), Path("/dev/null"))


def export_lines(variables: Mapping[str, str]) -> str:
    """Return lines for a POSIX shell to evaluate."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())
