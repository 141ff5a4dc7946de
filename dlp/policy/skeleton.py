"""The first files of a new user, as `dlp init` writes them: settings, a policy, and the policy's tests."""

from collections.abc import Iterable, Mapping

from dlp.core.errors import ConfigError
from dlp.strict_yaml import nearest

_SETTINGS = """\
# Settings of the proxy. `dlp up` reads this file; paths are relative to it. What is commented out shows the default.

policy: policy.yaml           # which data may go where
# state: state                # sessions, tokens, keys and the audit log; keep it on a local disk
# listen: {http: "127.0.0.1:8080"}        # sandboxes use this address as their proxy; port 0: any free one
# mcp: {servers: {crm: {url: "https://mcp.crm.example/mcp"}}}  # where sandboxes reach them: listen, as mcp
# plugins: [dlp_presidio, dlp_secrets, dlp_tokens]    # who recognises data and who rewrites it
# hosts: {api.example.test: 10.0.0.7:8443}            # names that the proxy resolves itself
# upstream_ca: [company-ca.pem]           # authorities that upstreams are trusted by, besides the system's
# ner: auto                   # names in free text: on needs the language model, off does without, auto uses it if there
# durability: process         # or power: survives a power cut too, at half the throughput
# limits: {body: 10MB, header: 64KiB, classify: 20s, hold: 20s, connect: 10s}
# pool: 1                     # processes that recognise data in large bodies
"""

_POLICY = """\
# Which data may go where. The language is taught in rules/README.md of the project; `dlp rules check` reads this file
# and `dlp rules test` runs policy.test.yaml. Whatever is not allowed here is refused.
policy: First policy
version: "1"
use: [base]        # shipped: personal data and keys are recognised, and enter the sandbox as tokens like [EMAIL_1]

# Where data come from. A source can say what its fields hold, which no detector could know of a number.
sources:
  shop:
    at: https://api.shop.example/**
    fields: {"$.customers[*].email": pii.email, "$.customers[*].name": pii.person}

# Where messages may go. An address that is not listed is not even connected to; reading from a source sends a request
# there, so the shop is a destination as well.
destinations:
  shop: {at: "GET https://api.shop.example/**"}
  mailer: {at: "POST https://mail.example/v1/send"}

rules:
  # Messages without sensitive data pass to every destination above. Classes of data need a rule that says so:
  - name: customers get mail
    says: The mailer may know the customers it writes to.
    data: [pii.email, pii.person]
    to: mailer
    then: allow      # the proxy puts the true values in place of the tokens

  - name: no money by mail
    says: Card and account numbers never leave by mail. Refer to the order's number instead.
    tier: mandatory  # nothing lifts it
    data: [pii.card, pii.iban]
    to: mailer
    then: block
"""

_TESTS = """\
# What the policy is expected to decide. Run them with `dlp rules test policy.test.yaml`.
policy: policy.yaml
tests:
  - name: a customer's address reaches the mailer
    message:
      outbound: POST https://mail.example/v1/send
      labels: [{data: pii.email, state: tokenised, from: shop}]
    expect: {verdict: allow, rule: customers get mail}

  - name: a card number does not
    message:
      outbound: POST https://mail.example/v1/send
      labels: [{data: pii.email, from: shop}, {data: pii.card}]
    expect: {verdict: block, rule: no money by mail}

  - name: customers enter as tokens
    message:
      inbound: GET https://api.shop.example/customers
      labels: [{data: pii.email}]
    expect: {verdict: tokenize}

  - name: an address that nobody listed is refused
    message:
      outbound: POST https://paste.example/new
    expect: {verdict: block}
"""

FILES: Mapping[str, str] = {"dlp.yaml": _SETTINGS, "policy.yaml": _POLICY, "policy.test.yaml": _TESTS}
"""File names and their texts."""

_USE = next(line for line in _POLICY.splitlines(keepends=True) if line.startswith("use: "))


def files(packs: Iterable[str] = ()) -> Mapping[str, str]:
    """Return the first files with a policy that uses these packs; none: `base`, which all others use.

    Raises:
        ConfigError: a name is not that of a pack, or the same is given twice.

    """
    names = list(packs)
    for name in names:
        if name not in PACKS:
            raise ConfigError(f"--pack {name}: there is no such pack{nearest(name, PACKS)}")
    if len(set(names)) != len(names):
        raise ConfigError(f"--pack {','.join(names)}: expected each pack once")
    if not names:
        return FILES
    use = f"use: [{', '.join(names)}]    # shipped, each with a page of its own: rules/packs/NAME.md\n"
    tests = _TESTS.replace("    message:", "    given: {purpose: orders}\n    message:") if "gdpr" in names else _TESTS
    return {**FILES, "policy.yaml": _POLICY.replace(_USE, use), "policy.test.yaml": tests}


PACKS = ("agent", "base", "gdpr", "hipaa", "hr", "pci", "secrets")
"""The shipped packs that have rules; those with classes alone are used by them."""
