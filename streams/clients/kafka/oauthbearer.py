"""Tokens for SASL OAUTHBEARER: asked of an identity provider, read from a file, or unsecured, for tests.

Both libraries ask the same provider, so one token serves all connections of a client; it is renewed by
`sasl.login.refresh.…`, as Kafka's own clients renew it. Source: KIP-255, KIP-368, KIP-768.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from kafka.net.sasl.oauth import AbstractTokenProvider

from streams.config.clients import CONSUMER, ClientConfig
from streams.errors import BrokerNotFoundException, ConfigException, NotYetBuiltException, SaslAuthenticationException
from streams.world import SYSTEM

ANSWER_S = 10.0
LIFE_S = 3_600
LARGEST = 1_048_576
_ID, _SECRET = "sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.credentials.client.secret"
_URL = "sasl.oauthbearer.token.endpoint.url"
_UNSECURED = "unsecuredLogin"


class Token(NamedTuple):
    """A token, and until when it holds, in seconds since 1970."""

    text: str
    until: float


class Refresh(NamedTuple):
    """When a token is renewed (`sasl.login.refresh.…`), in parts of its life and in seconds.

    Args:
        part: of its life that goes by first.
        spread: more of it at most, by chance, so that not all clients come at once.
        least_s: between two renewals.
        before_s: so long before its end it is renewed in any case.
    """

    part: float
    spread: float
    least_s: int
    before_s: int

    @classmethod
    def of(cls, given: Mapping[str, object]) -> Refresh:
        """From parsed values by Kafka's names."""
        config = ClientConfig(CONSUMER, given)
        part, spread = (float(config.text(f"sasl.login.refresh.window.{name}")) for name in ("factor", "jitter"))
        least, before = (config.number(f"sasl.login.refresh.{name}.seconds") for name in ("min.period", "buffer"))
        return cls(part, spread, least, before)

    def at(self, now: float, until: float, chance: float) -> float:
        """When the token is renewed that was given now. One whose life is shorter than both bounds together is renewed
        by its life alone.

        Args:
            now: seconds since 1970.
            until: when it ends.
            chance: from 0 to 1.
        """
        at = now + (until - now) * (self.part + self.spread * chance)
        if now + self.least_s + self.before_s > until:
            return at
        return min(max(at, now + self.least_s), until - self.before_s)


class TokenProvider:
    """Where a client's tokens come from.

    Args:
        given: parsed values by Kafka's names.
        options: those of `sasl.jaas.config`.
    Raises:
        ConfigException: nothing says where from.
        NotYetBuiltException: by a flow that is not built.
    """

    def __init__(self, given: Mapping[str, object], options: Mapping[str, str]) -> None:
        for name in given:
            if name.startswith("sasl.oauthbearer.assertion."):
                raise NotYetBuiltException(
                    f"{name} is not built yet: tokens come by client credentials ({_URL} with {_ID} and {_SECRET}), or "
                    "from a file."
                )
        self._options = options
        self._url = None if given.get(_URL) is None else str(given[_URL])
        self._id = str(given.get(_ID) or options.get("clientId") or "")
        self._secret = str(given.get(_SECRET) or options.get("clientSecret") or "")
        self._scope = str(given.get("sasl.oauthbearer.scope") or options.get("scope") or "")
        self._encoded = bool(given.get("sasl.oauthbearer.header.urlencode"))
        waits = [given.get(f"sasl.login.{name}.timeout.ms") for name in ("connect", "read")]
        self._wait_s = max([int(str(wait)) / 1_000 for wait in waits if wait] or [ANSWER_S])
        self._refresh = Refresh.of(given)
        self._subject = ClientConfig(CONSUMER, given).text("sasl.oauthbearer.sub.claim.name")
        self._lock = SYSTEM.condition()
        self._token: Token | None = None
        self._renew_at = 0.0
        unsecured = any(name.startswith(_UNSECURED) for name in options)
        if self._url is None and not unsecured:
            raise ConfigException(
                f"sasl.mechanism=OAUTHBEARER needs {_URL}, where tokens come from; for tests sasl.jaas.config with "
                '… OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="USER";'
            )
        if self._url is not None and not self._url.startswith(("https://", "http://", "file:/")):
            raise ConfigException(
                f"Invalid value {self._url} for configuration {_URL}: give an https:// or file:// URL."
            )
        if self._url is not None and not self._url.startswith("file:") and not (self._id and self._secret):
            raise ConfigException(
                f"{_URL} is given, but no client: give {_ID} and {_SECRET}, or clientId and clientSecret in "
                "sasl.jaas.config."
            )

    def token(self) -> str:
        """A token that holds (`kafka-python` asks for it).

        Raises:
            SaslAuthenticationException: the identity provider gives none.
            BrokerNotFoundException: it could not be asked.
        """
        return self._held().text

    def extensions(self) -> dict[str, str]:
        """What is told to the broker besides the token."""
        found = {}
        for name, value in self._options.items():
            key = name.removeprefix(f"{_UNSECURED}Extension_" if name.startswith(_UNSECURED) else "extension_")
            if key != name:
                found[key] = value
        return found

    def for_librdkafka(self, asked: str) -> tuple[str, float, str, dict[str, str]]:
        """As confluent-kafka's `oauth_cb` has it; called from a thread of librdkafka's."""
        token = self._held()
        return token.text, token.until, str(_claims(token.text).get(self._subject) or self._id), self.extensions()

    def _held(self) -> Token:
        with self._lock:
            now = SYSTEM.now_ms() / 1_000
            if self._token is None or now >= self._renew_at:
                self._token = self._new(now)
                self._renew_at = self._refresh.at(now, self._token.until, SYSTEM.choice(1_000) / 1_000)
            return self._token

    def _new(self, now: float) -> Token:
        if self._url is None:
            return _unsecured(self._options, now)
        if self._url.startswith("file:"):
            return self._of_file(urllib.parse.unquote(urllib.parse.urlparse(self._url).path), now)
        answer = self._ask()
        text, life = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(text, str) or not text:
            raise SaslAuthenticationException(f"{self._url} has answered without an access_token.")
        return Token(text, _until(text, now, life if isinstance(life, int | float) else LIFE_S))

    def _of_file(self, path: str, now: float) -> Token:
        try:
            text = Path(path).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SaslAuthenticationException(f"{_URL}={self._url}: the token cannot be read: {error}.") from None
        return Token(text, _until(text, now, LIFE_S))

    def _ask(self) -> dict[str, object]:
        """The answer of the identity provider to a client's credentials (RFC 6749, 4.4)."""
        asked = {"grant_type": "client_credentials", **({"scope": self._scope} if self._scope else {})}
        quoted = urllib.parse.quote_plus if self._encoded else str
        basic = base64.b64encode(f"{quoted(self._id)}:{quoted(self._secret)}".encode()).decode()
        request = urllib.request.Request(
            str(self._url),
            urllib.parse.urlencode(asked).encode(),
            {"Authorization": f"Basic {basic}", "Accept": "application/json", "Cache-Control": "no-cache"},
        )
        try:
            with urllib.request.urlopen(request, timeout=self._wait_s) as answered:
                found = json.loads(answered.read(LARGEST))
        except urllib.error.HTTPError as error:
            if error.code >= 500:
                raise BrokerNotFoundException(f"{self._url}: the identity provider fails: HTTP {error.code}.") from None
            raise SaslAuthenticationException(
                f"{self._url}: the identity provider gives no token: HTTP {error.code} {error.reason}. Check {_ID} and "
                "its secret."
            ) from None
        except OSError as error:
            why = getattr(error, "reason", None) or error
            raise BrokerNotFoundException(
                f"{self._url}: the identity provider could not be asked: {why}. Check {_URL}."
            ) from None
        except ValueError:
            raise SaslAuthenticationException(f"{self._url} has answered with something else than JSON.") from None
        return found if isinstance(found, dict) else {}


def _until(text: str, now: float, life_s: float) -> float:
    """Until when a token holds: as it says itself, else as long as its giver says."""
    said = _claims(text).get("exp")
    return float(said) if isinstance(said, int | float) else now + life_s


def _claims(text: str) -> dict[str, object]:
    """What a token (JWT) says; nothing where it is opaque."""
    parts = text.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, IndexError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _unsecured(options: Mapping[str, str], now: float) -> Token:
    """A token that nobody has signed, by the options of Java's `OAuthBearerUnsecuredLoginCallbackHandler`."""
    life = float(options.get(f"{_UNSECURED}LifetimeSeconds", LIFE_S))
    claims: dict[str, object] = {"iat": now, "exp": now + life}
    for name, value in options.items():
        found = re.fullmatch(rf"{_UNSECURED}(String|Number|List)Claim_(\w+)", name)
        if found is None:
            continue
        if found[1] == "List":  # its first character parts the entries
            claims[found[2]] = value[1:].split(value[0]) if value else []
        else:
            claims[found[2]] = float(value) if found[1] == "Number" else value
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "none"}, claims)
    )
    return Token(f"{head}.{body}.", now + life)


AbstractTokenProvider.register(TokenProvider)  # kafka-python takes nothing else
