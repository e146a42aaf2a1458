"""`docs/row-level-security.md` shows what is generated, and leaves out nothing that is about the table it explains."""

import re
import subprocess
from pathlib import Path

import pytest

from adapters.persistence.sql.migrating import within
from adapters.persistence.sql.second_wall import SecondWall
from tests.application.world import example
from tests.conftest import PostgresDatabase, tables_of
from tests.postgres import APPLICATION, binaries

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "row-level-security.md").read_text("utf-8")


def in_one_line(sql: str) -> str:
    """A page may break lines wherever it wants."""
    return re.sub(r"\s+", " ", sql).strip().removesuffix(";").replace("( ", "(").replace(" )", ")")


BLOCKS = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SHOWN = [in_one_line(statement) for block in BLOCKS for statement in block.split("\n\n")]
GENERATED = [
    in_one_line(statement)
    for statement in SecondWall(tables_of(example("notes"))).statements("public", "notes", APPLICATION)
]


@pytest.mark.parametrize("statement", SHOWN, ids=lambda statement: statement[:60])
def test_what_the_page_shows_is_generated(statement: str) -> None:
    assert statement in GENERATED


def test_the_page_shows_all_that_is_about_a_note() -> None:
    about = [statement for statement in GENERATED if re.search(r'(ON|TO|TABLE) "notes"', statement)]
    assert len(about) > 8
    assert [statement for statement in about if statement not in SHOWN] == []


def test_the_owner_makes_backups_as_the_page_says(postgres_database: PostgresDatabase) -> None:
    """With every row for the owner, and none for the application."""
    programs = binaries()
    if programs is None or not (programs / "pg_dump").exists():
        pytest.skip("this PostgreSQL comes without pg_dump")
    command = re.search(r"`(pg_dump .*?)`", PAGE)
    assert command is not None
    option = next(word for word in command[1].split() if word.startswith("--"))
    database = postgres_database(example("notes"))

    def dumped(url: str, *options: str) -> tuple[int, str]:
        done = subprocess.run(  # noqa: S603
            [programs / "pg_dump", *options, "--data-only", "--table=freehold_accounts", url],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    account = "00000000-0000-7000-8000-000000000001"
    _insert_account(database.migration_url, account)
    assert account in dumped(database.migration_url, option)[1]
    code, nothing = dumped(database.url, option)
    assert code == 0
    assert account not in nothing
    assert dumped(database.migration_url)[0] != 0, "without the option it is refused, and not done by half"


def _insert_account(url: str, account: str) -> None:
    values = f"('{account}', 'mary@example.com', '', now(), false)"
    columns = "(id, email, password_hash, created_at, disabled)"
    put_in = f"INSERT INTO freehold_accounts {columns} VALUES {values}"  # noqa: S608
    within(url, lambda connection: connection.exec_driver_sql(put_in))
