"""Values of one kind as values of another, in SQL: NULL where one does not fit, never an error and never half of it.

A text is only taken for what is written just as Freehold writes it. Nothing is rounded, cut or guessed.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from adapters.persistence.sql.definers import text_literal
from domain.specification.model import Field, Kind
from domain.values import instant_text

LARGEST = 2**53 - 1
_WRITTEN = (Kind.TEXT, Kind.ONE_OF)
_MIDNIGHT = "T00:00:00.000000Z"
_DIGITS = "{x} NOT GLOB '*[^-.0-9]*' AND {x} GLOB '*[0-9]' AND {x} GLOB '[-0-9]*' AND {x} NOT GLOB '-.*'"
_DIGITS += " AND {x} NOT GLOB '?*-*' AND {x} NOT GLOB '*.*.*'"
_SECONDS = "strftime('%Y-%m-%dT%H:%M:%S', substr({x}, 1, 19)) = substr({x}, 1, 19)"
_TRUTH = "CASE {x} WHEN 'yes' THEN %s WHEN 'true' THEN %s WHEN 'no' THEN %s WHEN 'false' THEN %s END"

_EMBEDDED: Mapping[tuple[Kind, Kind], str] = {
    (Kind.TEXT, Kind.INTEGER): f"CASE WHEN CAST(CAST({{x}} AS INTEGER) AS TEXT) = {{x}} "
    f"AND abs(CAST({{x}} AS INTEGER)) <= {LARGEST} THEN CAST({{x}} AS INTEGER) END",
    (Kind.TEXT, Kind.NUMBER): f"CASE WHEN {_DIGITS} THEN CAST({{x}} AS REAL) END",
    (Kind.TEXT, Kind.DECIMAL): f"CASE WHEN {_DIGITS} THEN {{x}} END",
    (Kind.TEXT, Kind.YES_NO): _TRUTH % (1, 1, 0, 0),
    (Kind.TEXT, Kind.DATE): "CASE WHEN {x} LIKE '____-__-__' AND date({x}) = {x} THEN {x} END",
    (Kind.TEXT, Kind.TIME): f"CASE WHEN {_SECONDS} AND length({{x}}) = 20 AND {{x}} LIKE '%Z' "
    f"THEN substr({{x}}, 1, 19) || '.000000Z' "
    f"WHEN {_SECONDS} AND substr({{x}}, 20) GLOB '.[0-9][0-9][0-9][0-9][0-9][0-9]Z' THEN {{x}} END",
    (Kind.TEXT, Kind.JSON): "json_quote({x})",
    (Kind.INTEGER, Kind.TEXT): "CAST({x} AS TEXT)",
    (Kind.INTEGER, Kind.NUMBER): "CAST({x} AS REAL)",
    (Kind.INTEGER, Kind.DECIMAL): "CAST({x} AS TEXT)",
    (Kind.INTEGER, Kind.YES_NO): "CASE WHEN {x} IN (0, 1) THEN {x} END",
    (Kind.INTEGER, Kind.JSON): "CAST({x} AS TEXT)",
    (Kind.NUMBER, Kind.TEXT): "CAST({x} AS TEXT)",
    (Kind.NUMBER, Kind.INTEGER): f"CASE WHEN {{x}} = CAST({{x}} AS INTEGER) AND abs({{x}}) <= {LARGEST} "
    f"THEN CAST({{x}} AS INTEGER) END",
    (Kind.NUMBER, Kind.JSON): "CAST({x} AS TEXT)",
    (Kind.DECIMAL, Kind.TEXT): "{x}",
    (
        Kind.DECIMAL,
        Kind.INTEGER,
    ): f"CASE WHEN rtrim(rtrim({{x}} || CASE WHEN instr({{x}}, '.') THEN '' ELSE '.' END, '0'), '.') "
    f"NOT LIKE '%.%' AND abs(CAST({{x}} AS INTEGER)) <= {LARGEST} THEN CAST({{x}} AS INTEGER) END",
    (Kind.DECIMAL, Kind.NUMBER): "CAST({x} AS REAL)",
    (Kind.YES_NO, Kind.TEXT): "CASE {x} WHEN 1 THEN 'yes' WHEN 0 THEN 'no' END",
    (Kind.YES_NO, Kind.INTEGER): "{x}",
    (Kind.YES_NO, Kind.JSON): "CASE {x} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END",
    (Kind.DATE, Kind.TEXT): "{x}",
    (Kind.DATE, Kind.TIME): f"{{x}} || '{_MIDNIGHT}'",
    (Kind.TIME, Kind.TEXT): "{x}",
    (Kind.TIME, Kind.DATE): f"CASE WHEN substr({{x}}, 11) = '{_MIDNIGHT}' THEN substr({{x}}, 1, 10) END",
    (Kind.JSON, Kind.TEXT): "CASE json_type({x}) WHEN 'text' THEN json_extract({x}, '$') ELSE {x} END",
}
_UTC = "({x} AT TIME ZONE 'UTC')"
_WHOLE = f"CASE WHEN {{x}} = trunc({{x}}) AND abs({{x}}) <= {LARGEST} THEN CAST({{x}} AS bigint) END"
_NUMERAL = "{x} ~ '^-?[0-9]+([.][0-9]+)?$'"
_TYPED: Mapping[tuple[Kind, Kind], str] = {
    (Kind.TEXT, Kind.INTEGER): f"CASE WHEN {{x}} ~ '^(0|-?[1-9][0-9]{{{{0,15}}}})$' THEN CASE WHEN "
    f"abs(CAST({{x}} AS bigint)) <= {LARGEST} THEN CAST({{x}} AS bigint) END END",
    (Kind.TEXT, Kind.NUMBER): f"CASE WHEN {_NUMERAL} AND pg_input_is_valid({{x}}, 'float8') "
    f"THEN CAST({{x}} AS double precision) END",
    (Kind.TEXT, Kind.DECIMAL): f"CASE WHEN {_NUMERAL} THEN CAST({{x}} AS numeric) END",
    (Kind.TEXT, Kind.YES_NO): _TRUTH % ("true", "true", "false", "false"),
    (Kind.TEXT, Kind.DATE): "CASE WHEN {x} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$' AND pg_input_is_valid({x}, 'date') "
    "THEN CAST({x} AS date) END",
    (Kind.TEXT, Kind.TIME): "CASE WHEN {x} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9:]{{8}}([.][0-9]{{6}})?Z$' "
    "AND pg_input_is_valid({x}, 'timestamptz') THEN CAST({x} AS timestamptz) END",
    (Kind.TEXT, Kind.JSON): "to_json({x})",
    (Kind.INTEGER, Kind.TEXT): "CAST({x} AS text)",
    (Kind.INTEGER, Kind.NUMBER): "CAST({x} AS double precision)",
    (Kind.INTEGER, Kind.DECIMAL): "CAST({x} AS numeric)",
    (Kind.INTEGER, Kind.YES_NO): "CASE {x} WHEN 1 THEN true WHEN 0 THEN false END",
    (Kind.INTEGER, Kind.JSON): "to_json({x})",
    (Kind.NUMBER, Kind.TEXT): "CAST({x} AS text)",
    (Kind.NUMBER, Kind.INTEGER): _WHOLE,
    (Kind.NUMBER, Kind.JSON): "to_json({x})",
    (Kind.DECIMAL, Kind.TEXT): "CAST({x} AS text)",
    (Kind.DECIMAL, Kind.INTEGER): _WHOLE,
    (Kind.DECIMAL, Kind.NUMBER): "CAST({x} AS double precision)",
    (Kind.YES_NO, Kind.TEXT): "CASE {x} WHEN true THEN 'yes' WHEN false THEN 'no' END",
    (Kind.YES_NO, Kind.INTEGER): "CAST(CAST({x} AS integer) AS bigint)",
    (Kind.YES_NO, Kind.JSON): "to_json({x})",
    (Kind.DATE, Kind.TEXT): "to_char({x}, 'YYYY-MM-DD')",
    (Kind.DATE, Kind.TIME): "(CAST({x} AS timestamp) AT TIME ZONE 'UTC')",
    (Kind.TIME, Kind.TEXT): f'to_char({_UTC}, \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\')',
    (Kind.TIME, Kind.DATE): f"CASE WHEN {_UTC} = date_trunc('day', {_UTC}) THEN CAST({_UTC} AS date) END",
    (Kind.JSON, Kind.TEXT): "CASE json_typeof({x}) WHEN 'string' THEN {x} #>> '{{}}' ELSE CAST({x} AS text) END",
}


def cast(value: str, old: Kind, new: Kind, *, typed: bool) -> str:
    """SQL for a value of the one kind as one of the other; `typed`: on PostgreSQL."""
    old, new = (Kind.TEXT if kind in _WRITTEN else kind for kind in (old, new))
    return value if old is new else (_TYPED if typed else _EMBEDDED).get((old, new), "{x}").format(x=value)


def within_bounds(value: str, field: Field, *, typed: bool) -> str:
    """SQL for whether a value that is there is within the bounds of a field; what does not fit is NULL."""
    conditions = []
    match field.kind:
        case Kind.ONE_OF:
            conditions.append(f"{value} IN ({', '.join(map(text_literal, field.values))})")
        case Kind.TEXT if field.length is not None:
            conditions.append(f"length({value}) BETWEEN {field.length[0]} AND {field.length[1]}")
        case Kind.INTEGER | Kind.NUMBER | Kind.DECIMAL | Kind.DATE | Kind.TIME:
            for bound, sign in ((field.minimum, ">="), (field.maximum, "<=")):
                if bound is not None:
                    conditions.append(
                        _compared(value, sign, bound, embedded_decimal=field.kind is Kind.DECIMAL and not typed)
                    )
            if field.places is not None:
                digits = "scale({x})" if typed else "length(substr({x} || '.', instr({x} || '.', '.') + 1))"
                conditions.append(f"{digits.format(x=value)} <= {field.places + (0 if typed else 1)}")
    return " AND ".join(conditions) or f"{value} IS NOT NULL"


def _compared(value: str, sign: str, bound: Any, *, embedded_decimal: bool) -> str:
    if embedded_decimal:
        return f"{value} COLLATE decimal {sign} {text_literal(format(bound, 'f'))}"
    if isinstance(bound, date):
        return f"{value} {sign} {text_literal(instant_text(bound) if isinstance(bound, datetime) else str(bound))}"
    return f"{value} {sign} {bound}"
