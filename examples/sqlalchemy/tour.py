"""missing_photos from SQLAlchemy: python3 tour.py OWNER [URL], on any attached library."""
import sys

from sqlalchemy import Column, MetaData, Table, Text, create_engine, func, select, text

# A view has no key that SQLAlchemy could find, but to read it none is needed.
missing_files = Table(
    "missing_files", MetaData(), Column("owner", Text), Column("path", Text), Column("state", Text)
)

SCAN_COLUMNS = ("photos", "files", "missing", "restored", "unreachable", "held")


def scan(connection, owner, force=False):
    """scan_missing returns one composite value: as a table it comes as a row with named columns."""
    call = func.scan_missing(owner, force).table_valued(*SCAN_COLUMNS)
    return connection.execute(select(call)).one()


def scan_with_commits(engine, owner):
    """A procedure that commits needs a connection without a transaction around it."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CALL scan_missing_photos(:owner)"), {"owner": owner})


def main():
    owner = sys.argv[1]
    engine = create_engine(sys.argv[2] if len(sys.argv) > 2 else "postgresql+psycopg2://")

    with engine.begin() as connection:
        result = scan(connection, owner)
        print(f"{result.files} files, {result.missing} newly missing, held: {result.held}")
        lost = (
            select(missing_files.c.path)
            .where(missing_files.c.owner == owner, missing_files.c.state == "missing")
            .order_by("path")
        )
        for path in connection.execute(lost.limit(5)).scalars():
            print(f"missing: {path}")

    scan_with_commits(engine, owner)
    print("scanned again, with commits")


if __name__ == "__main__":
    main()
