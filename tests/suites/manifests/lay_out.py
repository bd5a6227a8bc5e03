"""Lays the files of the production overlay's pods out in a directory, as their mounts say, with certificates as its
Certificates ask for them. What stands for the node and the bucket lies in the same directory.

Promise: nothing of a configuration is changed but the roots of its paths and the address of the lake.
"""

import pathlib
import subprocess
import sys

import yaml

rendered, root = sys.argv[1], pathlib.Path(sys.argv[2])
with open(rendered, encoding="utf-8") as file:
    objects = list(yaml.safe_load_all(file))


def named(kind, name):
    return next(it for it in objects if it["kind"] == kind and it["metadata"]["name"] == name)


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def issue(certificate):
    """The files of a Certificate's secret."""
    spec, place = certificate["spec"], root / "secrets" / certificate["spec"]["secretName"]
    place.mkdir(parents=True)
    usages = {"server auth": "serverAuth", "client auth": "clientAuth"}
    extended = ",".join(usages[usage] for usage in spec["usages"] if usage in usages)
    names = ",".join(f"DNS:{name}" for name in spec["dnsNames"])
    (place / "ext").write_text(f"subjectAltName={names}\nextendedKeyUsage={extended}\nbasicConstraints=CA:FALSE\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={spec['commonName']}",
            "-keyout", place / "tls.key", "-out", place / "csr")
    openssl("x509", "-req", "-in", place / "csr", "-CA", root / "ca.crt", "-CAkey", root / "ca.key", "-CAcreateserial",
            "-days", "1", "-extfile", place / "ext", "-out", place / "tls.crt")
    (place / "ca.crt").write_bytes((root / "ca.crt").read_bytes())


def moved(text, pod):
    for there in ("/etc/auditrail/", "/var/cache/auditrail"):
        text = text.replace(there, f"{root}/{pod}{there}")
    text = text.replace("s3://audit-lake/production", f"file://{root}/lake")
    return text.replace("/var/lib/auditrail", f"{root}/node").replace("/var/log/kubernetes", f"{root}/log")


def lay_out(workload):
    pod, name = workload["spec"]["template"]["spec"], workload["metadata"]["name"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in pod["containers"][0]["volumeMounts"]:
        volume, place = volumes.get(mount["name"], {}), root / name / mount["mountPath"].lstrip("/")
        if "configMap" in volume:
            data = named("ConfigMap", volume["configMap"]["name"])["data"]
            files = {place: data[mount["subPath"]]} if "subPath" in mount else {place / key: data[key] for key in data}
            for path, text in files.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(moved(text, name))
        elif "secret" in volume:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(root / "secrets" / volume["secret"]["secretName"])


openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
        "-subj", "/CN=audit authority", "-keyout", root / "ca.key", "-out", root / "ca.crt")
for thing in objects:
    if thing["kind"] == "Certificate" and not thing["spec"].get("isCA"):
        issue(thing)
    elif thing["kind"] in ("DaemonSet", "Deployment", "StatefulSet"):
        lay_out(thing)
for secret, key in (("insight-console", "token"), ("datadog", "api-key")):
    (root / "secrets" / secret).mkdir()
    (root / "secrets" / secret / key).write_text("0123456789abcdef0123456789abcdef")
