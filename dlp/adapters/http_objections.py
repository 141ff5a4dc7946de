"""What the adapter itself refuses a message for: in words for the sandbox, without any value."""

from dlp.adapters.http_head import Objection

NO_IDENTITY = Objection(
    "identity",
    "Who is asking?",
    "The proxy needs the credentials of an open session: the session's id as the user, its secret as the password.",
    "Use the proxy URL that the orchestrator gave you; a session that was closed or frozen needs a new one.",
)
NOT_A_PROXY_REQUEST = Objection(
    "protocol",
    "Not a request to a proxy",
    "This is a proxy: a request to it names the whole URL, or opens a tunnel with CONNECT.",
)
MISMATCH = Objection(
    "mismatch",
    "The request says two things about where it goes",
    "The address of the tunnel or of the URL, the name in the TLS hello and the Host header must be the same.",
)
BAD_METHOD = Objection(
    "protocol",
    "Ambiguous method",
    "The method is no token of up to 32 capital letters, digits and signs; others may read it differently.",
    "Send the method as its standard writes it, in capitals.",
)
BAD_TARGET = Objection(
    "protocol",
    "Ambiguous path",
    "The path holds dot segments, a fragment or characters that must be escaped; others may read it differently.",
    "Send the path resolved and escaped.",
)
TOO_LARGE = Objection(
    "limit",
    "The body is too large",
    "The body, as it was sent or once decompressed, is over the limit of what the proxy reads; larger ones are not "
    "supported yet.",
    "Send or ask for less at a time.",
)
SWITCHED = Objection(
    "unsupported",
    "Protocol switches are not supported yet",
    "The upstream switched to another protocol, which the proxy cannot read.",
)
UPSTREAM_BROKE = Objection("upstream", "The upstream did not answer", "The upstream broke off, or spoke no HTTP.")
UNREADABLE = Objection(
    "unreadable",
    "The proxy could not read or rewrite this message",
    "It is not what its headers say, or what must be rewritten in it cannot be.",
    "Send it in a common format and encoding, and whole.",
)
PIECE = Objection(
    "unreadable",
    "Only a piece of an answer",
    "The policy names fields of this source, and the proxy cannot tell which of them a piece of an answer is from.",
    "Ask for the whole.",
)
PIECES = Objection(
    "unreadable",
    "Only a piece of an answer",
    "It does not say where it belongs, or a value in it was cut in two, and half of it cannot be rewritten.",
    "Ask for the whole.",
)
INTERNAL = Objection(
    "error", "The proxy could not judge this message", "Something failed inside the proxy; it passes nothing unjudged."
)


def unreachable(error: str) -> Objection:
    """Return why no connection could be made."""
    if "certificate" in error.lower():
        return Objection(
            "upstream",
            "The upstream cannot be trusted",
            "Its certificate is not valid for this name, or comes from an authority that the proxy does not know.",
            "Ask the operator to name the authority under upstream_ca: if it is meant to be trusted.",
        )
    return Objection("upstream", "The upstream cannot be reached", "No connection to it could be made.")
