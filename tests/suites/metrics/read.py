"""Scrapes the three services as Prometheus does, until the shipper has delivered something, and holds what they show
to the rules of the format and of our names."""

import sys
import time
import urllib.error
import urllib.request

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client import parser as plain

ASKED = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def scrape(port):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": ASKED})
    with urllib.request.urlopen(request, timeout=5) as answer:
        kind, text = answer.headers["Content-Type"], answer.read().decode()
    form = openmetrics if kind.startswith("application/openmetrics-text") else plain
    return list(form.text_string_to_metric_families(text))


def until_delivered(port):
    for _ in range(600):
        try:
            delivered = [
                sample.value
                for family in scrape(port)
                for sample in family.samples
                if sample.name == "auditrail_shipper_delivered_events_total"
            ]
            if sum(delivered) > 0:
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.1)
    sys.exit("nothing was delivered")


def plainly(families):
    """The same as text of version 0.0.4, which is what promtool reads."""
    for family in families:
        name = family.name + ("_total" if family.type == "counter" else "")
        yield f"# HELP {name} {family.documentation}\n# TYPE {name} {family.type}\n"
        for sample in family.samples:
            told = (f'{key}="{value}"'.replace("\\", "\\\\") for key, value in sample.labels.items())
            labels = ",".join(told)
            yield f"{sample.name}{{{labels}}} {sample.value}\n"


scratch = sys.argv[1]
collector, router, shipper = map(int, sys.argv[2:])
until_delivered(shipper)
for name, port in [("collector", collector), ("router", router), ("shipper", shipper)]:
    families = scrape(port)
    ours = [family for family in families if family.name.startswith("auditrail_")]
    assert ours, f"{name} shows no metric of ours"
    for family in ours:
        assert family.name.startswith(f"auditrail_{name}_"), family.name
        assert family.documentation, f"{family.name} has no HELP"
        assert family.type in {"counter", "gauge", "histogram"}, f"{family.name} is {family.type}"
    with open(f"{scratch}/{name}.prom", "w") as file:
        file.writelines(plainly(ours))
    print(f"{name}: {len(ours)} families, {sum(len(family.samples) for family in ours)} samples")
