"""Asks Trino: the server at the address in TRINO, whose catalog `hive` takes the statement of `lake ddl`."""

import base64
import json
import os
import time
import urllib.request
from datetime import datetime

from answers import DECISION, MASTERS, statements, told

STARTED = 60


def answer(question, catalog):
    """The rows, and how many rows of the table were read for them."""
    headers = {"X-Trino-User": "suite", "X-Trino-Catalog": catalog, "X-Trino-Schema": "default"}
    to = urllib.request.Request(f"{os.environ['TRINO']}/v1/statement", question.encode(), headers)
    rows = []
    while True:
        part = json.load(urllib.request.urlopen(to, timeout=60))
        if "error" in part:
            raise RuntimeError(f"{part['error']['message']}\n{question}")
        rows += part.get("data", [])
        if "nextUri" not in part:
            return rows, part["stats"]["processedRows"]
        to = part["nextUri"]


def wait():
    """A server that has started knows its one node a moment later."""
    deadline = time.monotonic() + STARTED
    while True:
        try:
            return answer("select count(*) from (values 1)", "hive")
        except RuntimeError as error:
            if "No nodes available" not in str(error) or time.monotonic() > deadline:
                raise


def told_by_trino(catalog, where="true"):
    """`where` is for a table that knows more hours than there are."""

    def ask(question):
        return answer(question, catalog)[0]

    events = f"(select * from events where {where})"
    hours = ask(f"select date, hour, count(*) from {events} group by 1, 2")
    first = ask(f"select cast(min(time) as varchar) from {events}")[0][0]
    since = datetime.fromisoformat(first) - datetime(1970, 1, 1)
    answers = told(
        [row[:2] for row in ask("describe events")],
        ask(f"select verb, code, count(*) from {events} group by 1, 2"),
        hours,
        ask(f"select sum(bytes) from {events}")[0][0],
        ask(f"select count(*) from {events} where contains(groups, '{MASTERS}')")[0][0],
        ask(f"select count(*) from {events} where element_at(annotations, '{DECISION}') = 'forbid'")[0][0],
        (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds,
        [base64.b64decode(row[0]) for row in ask(f"select raw from {events}")],
    )
    # A question for one hour reads the rows of no other.
    of_hour = "select sum(bytes) from events where date = date '{}' and hour = {}"
    answers["read"] = sorted([date, hour, answer(of_hour.format(date, hour), catalog)[1]] for date, hour, _ in hours)
    return answers


def trino(_, statement):
    wait()
    answer("create schema if not exists hive.default", "hive")
    answer("drop table if exists hive.default.events", "hive")
    for each in statements(statement):
        answer(each, "hive")
    return told_by_trino("hive")


def trino_bucket(lake, statement):
    import bucket

    bucket.put(lake)
    return trino(lake, statement)
