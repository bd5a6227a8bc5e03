"""Takes the rules out of a PrometheusRule, as promtool reads them."""

import sys

import yaml

source, target = sys.argv[1:]
with open(source) as read, open(target, "w") as write:
    yaml.safe_dump(yaml.safe_load(read)["spec"], write)
