"""Runs every grpcurl command of docs/admin.md against a process with all services, and compares what it answers with what
the page shows: an error where the page has one, else an answer with the fields that the page has.

Arguments: grpcurl, auditrail, the page, a directory to work in."""

import http.server
import json
import pathlib
import shlex
import socket
import subprocess
import sys
import threading
import time

grpcurl, auditrail, page, scratch = (pathlib.Path(argument).absolute() for argument in sys.argv[1:])
LOG = "/var/log/kubernetes/apiserver/audit.log"
log = scratch / "audit.log"


class Intake(http.server.BaseHTTPRequestHandler):
    """Takes the first body and refuses the others for good, so that there are a receipt and dead letters."""

    bodies = 0

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        Intake.bodies += 1
        self.send_response(202 if Intake.bodies == 1 else 400)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def event(number):
    return json.dumps({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": f"suite-{number}",
        "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/shop/pods/web", "verb": "delete",
        "user": {"username": "jane", "groups": ["system:authenticated"]}, "sourceIPs": ["127.0.0.1"],
        "objectRef": {"resource": "pods", "namespace": "shop", "name": "web", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": "2026-11-23T06:00:00.000000Z", "stageTimestamp": "2026-11-23T06:00:00.100000Z",
    })


def write(number):
    with log.open("a") as out:
        out.write(event(number) + "\n")


def free():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


def commands():
    """Each command of the page with its answer."""
    blocks = page.read_text().split("\n$ grpcurl ")[1:]
    for block in blocks:
        block = block.split("\n```")[0].split("\n$ ")[0]
        command, _, answer = block.partition("\n")
        yield command, answer


def fields(text):
    """The names at the top of the first JSON object; None where there is none."""
    try:
        return set(json.JSONDecoder().raw_decode(text[text.index("{"):])[0])
    except ValueError:
        return None


def main():
    intake = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Intake)
    threading.Thread(target=intake.serve_forever, daemon=True).start()
    port = free()
    config = scratch / "auditrail.yaml"
    config.write_text(f"""\
collector: {{logs: [{{type: file, path: {log}, source: kubernetes.audit, service: audit}}]}}
router: {{policy: {scratch / "policy.yaml"}, routes: [{{name: everything, to: [datadog]}}]}}
shipper:
  destinations: {{datadog: {{type: datadog, url: "http://127.0.0.1:{intake.server_port}", api_key_file: {scratch / "key"}}}}}
insight: {{listen: "127.0.0.1:{port}", http_listen: "127.0.0.1:{free()}", lake: {scratch / "lake"}}}
""")
    (scratch / "key").write_text("not-secret")
    (scratch / "policy.yaml").write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n")
    write(1)
    words = (scratch / "up.words").open("w")
    up = subprocess.Popen([auditrail, "up", "--config", config, "--data", scratch / "data"], stderr=words)
    try:
        failed = held(port)
    finally:
        up.terminate()
        up.wait()
    if failed:
        print(*failed, (scratch / "up.words").read_text(), sep="\n")
    return bool(failed)


def ask(command, port):
    command = command.replace("127.0.0.1:7104", f"127.0.0.1:{port}").replace(LOG, str(log))
    return subprocess.run([grpcurl, "-max-time", "30", *shlex.split(command)], capture_output=True, text=True)


def until(holds):
    """Whether it holds within a minute."""
    end = time.monotonic() + 60
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def held(port):
    filter = '{"filter": {"destination": "datadog"}}'
    receipt = "-plaintext 127.0.0.1:7104 auditrail.v1.Shipper/Receipts"
    letter = f"-plaintext -d '{filter}' 127.0.0.1:7104 auditrail.v1.Shipper/ListDeadLetters"
    if not until(lambda: "receipts" in ask(receipt, port).stdout):
        return ["no receipt within a minute"]
    write(2)
    if not until(lambda: "datadog/1" in ask(letter, port).stdout):
        return ["no dead letter within a minute"]
    failed, count = [], 0
    for command, shown in commands():
        ended = threading.Event()

        def pass_by(ended=ended):
            number = 3
            while not ended.wait(0.2):
                write(number)
                number += 1

        if command.rstrip().endswith("Router/Tap"):
            threading.Thread(target=pass_by, daemon=True).start()
        if command.rstrip().endswith("DropDeadLetters"):
            until(lambda: "datadog/" in ask(letter, port).stdout)
        answer = ask(command, port)
        ended.set()
        count += 1
        wants_error = shown.lstrip().startswith("ERROR")
        if wants_error != (answer.returncode != 0):
            failed.append(f"{command}\n{answer.stdout}{answer.stderr}")
        elif not wants_error and fields(shown) is not None and fields(shown) != fields(answer.stdout):
            failed.append(f"{command}\nshown: {fields(shown)}\ngiven: {fields(answer.stdout)}")
    print(f"grpcurl runs what docs/admin.md shows: {count - len(failed)} passed, {len(failed)} failed")
    return failed


sys.exit(main())
