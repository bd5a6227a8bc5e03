"""Every object of the manifests named on the command line against the strict schemas of three Kubernetes versions.

Promise: a key that the version does not know is an error, and that such a key would be found is tried first. Objects of
cert-manager and of prometheus-operator have no schema here; `foreign` beside this file reads them.
"""

import copy
import sys

import kubernetes_validate
import yaml

VERSIONS = ["1.31", "1.34", "1.37"]
FOREIGN = ("cert-manager.io/", "monitoring.coreos.com/")


def is_refused(thing, version):
    try:
        kubernetes_validate.validate(thing, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{thing['kind']} {thing['metadata']['name']}, {version}: {error.message}"
    return None


looked_at = 0
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        things = list(yaml.safe_load_all(file))
    for thing in things:
        if thing["apiVersion"].startswith(FOREIGN):
            continue
        for version in VERSIONS:
            looked_at += 1
            assert not (why := is_refused(thing, version)), f"{path}: {why}"
            if thing["kind"] in ("DaemonSet", "Deployment", "StatefulSet"):
                wrong = copy.deepcopy(thing)
                wrong["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
                assert is_refused(wrong, version), f"{path}: a misspelt key was not found"
assert looked_at > 100, looked_at
print(f"{looked_at} looks at objects, for {', '.join(VERSIONS)}: strictly as their schemas say")
