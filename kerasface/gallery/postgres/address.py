"""The address of a gallery on a PostgreSQL server, shown without its password."""

import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from kerasface.gallery.store import GalleryError

_SCHEMES = ("postgresql://", "postgres://")
_SECRET = ("password", "sslpassword")
_DEFAULT_SCHEMA = "kerasface"
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,39}")  # a name without quotes, with room for the copy's
WANTED = "such as postgresql://user@host:5432/database?schema=kerasface&sslmode=verify-full"


@dataclass(frozen=True)
class Address:
    """Where a gallery on a server is.

    Attributes:
        shown: The address without its password, as messages have it.
        schema: Name of the PostgreSQL schema that holds the gallery; a database may have several.
        conninfo: What libpq connects with; never shown.
        secrets: What must not stand in any message.
    """

    shown: str
    schema: str
    conninfo: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Reads an address.

        Args:
            text: A URI of libpq, which may name a `schema` next to libpq's own parameters. What it does not say comes
                from where libpq looks: PGHOST, PGUSER, PGPASSWORD, PGSERVICE, ~/.pgpass ...

        Raises:
            GalleryError: If it is none; the text, which may hold a password, is not repeated.
        """
        scheme, _, rest = text.partition("://")
        if f"{scheme}://" not in _SCHEMES:
            raise GalleryError(f"A gallery is a file, or on PostgreSQL: {WANTED}. Received: an address of {scheme!r}.")
        place, _, query = rest.partition("?")
        netloc, slash, database = place.partition("/")
        pairs = [tuple(map(unquote, pair.partition("=")[::2])) for pair in query.split("&") if pair]
        # A password in which they are not encoded would be taken for something else, and shown.
        if any(sign in database + query + netloc.partition("@")[2] for sign in "@#") or "/" in database:
            raise GalleryError(
                f"The address of the gallery is malformed: {WANTED}. In a password @ / ? # are %40 %2F %3F %23."
            )
        schema = dict(pairs).get("schema", _DEFAULT_SCHEMA)
        if not _SCHEMA.fullmatch(schema):
            raise GalleryError(
                "The schema of a gallery has up to 40 lower-case letters, digits and underscores, the first of them no "
                f"digit. Received: schema={schema!r}."
            )
        user, at, hosts = netloc.rpartition("@")
        name, _, password = user.partition(":")
        secrets = {unquote(password), password, *(value for key, value in pairs if key in _SECRET)} - {""}
        libpq = [(key, value) for key, value in pairs if key != "schema"]
        public = [*((key, value) for key, value in libpq if key not in _SECRET), ("schema", schema)]
        return cls(
            shown=f"postgresql://{name}{at}{hosts}{slash}{database}?{_joined(public)}",
            schema=schema,
            conninfo=f"postgresql://{netloc}{slash}{database}" + (f"?{_joined(libpq)}" if libpq else ""),
            secrets=tuple(sorted(secrets, key=len, reverse=True)),
        )

    def __str__(self) -> str:
        return self.shown

    @property
    def name(self) -> str:
        """By what the gallery is called in short."""
        return self.schema

    @property
    def channel(self) -> str:
        """Under which changes of the gallery are told, and who makes it or removes traces waits for others."""
        return f"kerasface {self.schema}"

    def without_secrets(self, text: str) -> str:
        """Returns a text, such as what the server says, in one line and without the password."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return " ".join(text.split())


def is_address(path: object) -> bool:
    """Whether something is the address of a gallery on a server, and no path."""
    return isinstance(path, Address) or (isinstance(path, str) and path.startswith(_SCHEMES))


def _joined(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
