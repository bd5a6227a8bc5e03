"""Athena's statement, as far as it can be held without Athena.

`hive`: Spark with Hive's metastore takes the statement as it stands, `s3://lake/here` being the lake's directory.
`athena`: the table as that metastore has it is put into a Glue catalog (moto), and Trino reads it there and from S3
(moto), finding the hours by the table's own properties: Athena is made of Trino, and names its properties so.
"""

import json
import os

import bucket
import over_trino
from answers import statements


def described(statement):
    return f"{statement}.json"


def hive(lake, statement):
    from ask import spark_builder, told_by_spark

    # Spark would take ${date} in the statement for a variable of its own.
    settings = {
        "spark.sql.variable.substitute": "false",
        "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:metastore;create=true",
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
        "spark.hadoop.fs.viewfs.overload.scheme.target.file.impl": "org.apache.hadoop.fs.LocalFileSystem",
        "spark.hadoop.fs.viewfs.mounttable.lake.link./here": f"file://{lake}",
    }
    builder = spark_builder()
    for name, value in settings.items():
        builder = builder.config(name, value)
    here = builder.enableHiveSupport().getOrCreate()
    for each in statements(statement):
        here.sql(each)
    # Athena finds hours by the table's properties, which Spark does not know.
    here.sql("msck repair table events")
    table = json.loads(here.sql("describe extended events as json").collect()[0][0])
    table["types"] = here.table("events").dtypes
    with open(described(statement), "w") as file:
        json.dump(table, file)
    return told_by_spark(here)


def athena(lake, statement):
    with open(described(statement)) as file:
        table = json.load(file)
    hours = table["partition_columns"]
    columns = [{"Name": name, "Type": kind} for name, kind in table["types"]]
    glue = bucket.client("glue")
    if not glue.get_databases()["DatabaseList"]:
        glue.create_database(DatabaseInput={"Name": "default"})
    for old in glue.get_tables(DatabaseName="default")["TableList"]:
        glue.delete_table(DatabaseName="default", Name=old["Name"])
    files = {
        "Columns": [column for column in columns if column["Name"] not in hours],
        "Location": table["location"],
        "InputFormat": table["input_format"],
        "OutputFormat": table["output_format"],
        "SerdeInfo": {"SerializationLibrary": table["serde_library"], "Parameters": table["storage_properties"]},
    }
    of_table = {
        "Name": "events",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": table["table_properties"],
        "PartitionKeys": [column for column in columns if column["Name"] in hours],
        "StorageDescriptor": files,
    }
    glue.create_table(DatabaseName="default", TableInput=of_table)
    bucket.put(lake)
    over_trino.wait()
    dates = sorted(name.removeprefix("date=") for name in os.listdir(lake) if name.startswith("date="))
    # Five years of hours would each be looked for, otherwise.
    return over_trino.told_by_trino("athena", f"date between date '{dates[0]}' and date '{dates[-1]}'")
