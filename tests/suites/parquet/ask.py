"""Asks one engine the same questions about a lake as every other, and prints the answers as JSON.

ask.py ENGINE LAKE STATEMENT: the directory of the lake, and the file that `auditrail lake ddl` wrote for the engine
(pyarrow needs none). Exit 3 when the engine is not there. A statement is run as it stands in the file.
"""

import importlib.util
import json
import os
import sys

from answers import DECISION, MASTERS, statements, told


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


def clickhouse_bucket(lake, statement):
    import bucket

    bucket.put(lake)
    return clickhouse(lake, statement)


def spark(lake, statement):
    here = spark_builder().getOrCreate()
    for each in statements(statement):
        here.sql(each)
    return told_by_spark(here)


def spark_builder():
    import tempfile

    from pyspark.sql import SparkSession

    place = tempfile.mkdtemp()
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.session.timeZone", "UTC").config("spark.driver.bindAddress", "127.0.0.1")
    return builder.config("spark.driver.host", "127.0.0.1").config("spark.sql.warehouse.dir", place)


def told_by_spark(here):
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


# What each needs: modules of Python, and servers whose addresses are in variables; and where its questions are.
ENGINES = {
    "duckdb": (["duckdb"], "ask", "duckdb"),
    "pyarrow": (["pyarrow"], "ask", "pyarrow"),
    "clickhouse": (["chdb"], "ask", "clickhouse"),
    "clickhouse in a bucket": (["chdb", "boto3", "S3"], "ask", "clickhouse_bucket"),
    "spark": (["pyspark"], "ask", "spark"),
    "hive": (["pyspark"], "as_athena", "hive"),
    "trino": (["TRINO"], "over_trino", "trino"),
    "trino in a bucket": (["boto3", "S3", "TRINO"], "over_trino", "trino_bucket"),
    "athena": (["pyspark", "boto3", "S3", "TRINO"], "as_athena", "athena"),
}


def is_here(need):
    return need in os.environ if need.isupper() else importlib.util.find_spec(need) is not None


if __name__ == "__main__":
    engine, lake, statement = sys.argv[1:]
    needs, module, name = ENGINES[engine]
    if not all(is_here(need) for need in needs):
        sys.exit(3)
    print(json.dumps(getattr(importlib.import_module(module), name)(lake, statement)))
