"""RPC URLs: what may be shown of them, and where they lead."""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

HTTP = ("http", "https")
WEBSOCKET = ("ws", "wss")


def several(urls: str | Sequence[str]) -> tuple[str, ...]:
    """One URL or several, each once."""
    return tuple(dict.fromkeys([urls] if isinstance(urls, str) else urls))


def shown(url: str) -> str:
    """A URL without what may be secret in it: user, password, path and query."""
    parts = urlsplit(url)
    if not parts.hostname:
        return "This"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine, by name or number."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_usable(url: str, schemes: tuple[str, ...]) -> bool:
    """Whether a URL has one of the schemes, a host, and a port if any that is one."""
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname and parts.hostname.encode("idna")) and parts.port != 0
    except ValueError:
        return False
