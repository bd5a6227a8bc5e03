"""Asks one engine the same questions about a lake as every other, and prints the answers as JSON.

ask.py ENGINE LAKE STATEMENT: the directory of the lake, and the file that `auditrail lake ddl` wrote for the engine
(pyarrow needs none). Exit 3 when the engine is not there. A statement is run as it stands in the file.
"""

import hashlib
import json
import sys

MASTERS = "system:masters"
DECISION = "authorization.k8s.io/decision"


def of_lines(lines):
    """One hash for all lines, whatever their order."""
    each = sorted(hashlib.sha256(bytes(line)).hexdigest() for line in lines)
    return hashlib.sha256("\n".join(each).encode()).hexdigest()


def told(columns, counts, hours, total, masters, forbidden, first, lines):
    return {
        "columns": columns,
        "counts": sorted(([verb, code, n] for verb, code, n in counts), key=str),
        "hours": sorted([str(date), int(hour), n] for date, hour, n in hours),
        "bytes": int(total),
        "masters": masters,
        "forbidden": forbidden,
        "first_us": int(first),
        "lines": of_lines(lines),
    }


def statements(path):
    """Each statement of the file, without comments; none has a semicolon within."""
    text = "\n".join(line for line in open(path) if not line.startswith("--"))
    return [statement.strip() for statement in text.split(";") if statement.strip()]


def duckdb(lake, statement):
    import duckdb

    connection = duckdb.connect()
    connection.execute(open(statement).read())

    def ask(question):
        return connection.execute(question).fetchall()

    return told(
        [[row[0], row[1]] for row in ask("describe events")],
        ask("select verb, code, count(*) from events group by all"),
        ask("select date, hour, count(*) from events group by all"),
        ask("select sum(bytes) from events")[0][0],
        ask(f"select count(*) from events where list_contains(groups, '{MASTERS}')")[0][0],
        ask(f"select count(*) from events where annotations['{DECISION}'] = 'forbid'")[0][0],
        ask("select epoch_us(min(time)) from events")[0][0],
        [row[0] for row in ask("select raw from events")],
    )


def pyarrow(lake, _):
    import pyarrow
    import pyarrow.compute as compute
    import pyarrow.dataset as dataset

    hours = pyarrow.schema([("date", pyarrow.date32()), ("hour", pyarrow.int32())])
    partitioning = dataset.partitioning(hours, flavor="hive")
    table = dataset.dataset(lake, format="parquet", partitioning=partitioning).to_table()

    def grouped(names):
        groups = table.group_by(names).aggregate([([], "count_all")])
        return [tuple(row[name] for name in [*names, "count_all"]) for row in groups.to_pylist()]

    groups = table["groups"].to_pylist()
    annotations = table["annotations"].to_pylist()
    return told(
        [[field.name, str(field.type)] for field in table.schema],
        grouped(["verb", "code"]),
        grouped(["date", "hour"]),
        compute.sum(table["bytes"]).as_py(),
        sum(MASTERS in (names or []) for names in groups),
        sum(dict(pairs or []).get(DECISION) == "forbid" for pairs in annotations),
        compute.min(table["time"]).cast(pyarrow.int64()).as_py(),
        table["raw"].to_pylist(),
    )


def clickhouse(lake, statement):
    from chdb import session

    chdb = session.Session()
    for each in statements(statement):
        chdb.query(each)

    def ask(question):
        answer = chdb.query(question, "JSONCompactEachRow").bytes().decode()
        return [json.loads(line) for line in answer.splitlines()]

    return told(
        [row[:2] for row in ask("describe table events")],
        [[verb, code, int(n)] for verb, code, n in ask("select verb, code, count() from events group by all")],
        [[date, hour, int(n)] for date, hour, n in ask("select date, hour, count() from events group by all")],
        ask("select sum(bytes) from events")[0][0],
        int(ask(f"select count() from events where has(groups, '{MASTERS}')")[0][0]),
        int(ask(f"select count() from events where annotations['{DECISION}'] = 'forbid'")[0][0]),
        ask("select toUnixTimestamp64Micro(min(time)::DateTime64(6, 'UTC')) from events")[0][0],
        [bytes.fromhex(row[0]) for row in ask("select hex(raw) from events")],
    )


def spark(lake, statement):
    import tempfile

    from pyspark.sql import SparkSession

    place = tempfile.mkdtemp()
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.session.timeZone", "UTC").config("spark.driver.bindAddress", "127.0.0.1")
    builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.sql.warehouse.dir", place)
    here = builder.getOrCreate()
    for each in statements(statement):
        here.sql(each)

    def ask(question):
        return [tuple(row) for row in here.sql(question).collect()]

    answers = told(
        [[name, kind] for name, kind in here.table("events").dtypes],
        ask("select verb, code, count(*) from events group by all"),
        ask("select date, hour, count(*) from events group by all"),
        ask("select sum(bytes) from events")[0][0],
        ask(f"select count(*) from events where array_contains(groups, '{MASTERS}')")[0][0],
        ask(f"select count(*) from events where annotations['{DECISION}'] = 'forbid'")[0][0],
        ask("select unix_micros(min(time)) from events")[0][0],
        [row[0] for row in ask("select raw from events")],
    )
    here.stop()
    return answers


ENGINES = {
    "duckdb": ("duckdb", duckdb),
    "pyarrow": ("pyarrow", pyarrow),
    "clickhouse": ("chdb", clickhouse),
    "spark": ("pyspark", spark),
}

if __name__ == "__main__":
    import importlib.util

    engine, lake, statement = sys.argv[1:]
    module, ask = ENGINES[engine]
    if importlib.util.find_spec(module) is None:
        sys.exit(3)
    print(json.dumps(ask(lake, statement)))
