"""Clicks through the console with a real browser; fails on a script that ran, an error, or a text that is missing.

Usage: browse.py CHROMIUM AUDITRAIL DIRECTORY-FOR-SCREENSHOTS
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from playwright.sync_api import sync_playwright

CHROMIUM, AUDITRAIL, SHOTS = sys.argv[1:4]
FIXTURES = pathlib.Path(__file__).parent.parent.parent / "fixtures"
DEADLINE = 60

ATTACKS = [
    "<script>window.ran=1</script>",
    "\"><img src=x onerror=window.ran=1>",
    "' onmouseover='window.ran=1",
    "javascript:window.ran=1",
    "</title></table></pre><svg onload=window.ran=1>",
    "\u001b[31mred\u001b[0m",
    "right\u202eot tfel\u202c",
    "&lt;b&gt;&amp;",
    "{{7*7}}${7*7}",
]


def attacking(number, attack):
    """An event whose every shown field is an attack."""
    return json.dumps({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": attack,
        "stage": "ResponseComplete", "requestURI": "/api/" + attack, "verb": attack,
        "user": {"username": attack, "groups": [attack]}, "impersonatedUser": {"username": attack},
        "sourceIPs": [attack], "userAgent": attack,
        "objectRef": {"resource": attack, "namespace": attack, "name": attack, "apiVersion": attack,
                      "apiGroup": attack, "subresource": attack},
        "responseStatus": {"code": 403, "reason": attack, "message": attack},
        "requestReceivedTimestamp": f"2026-11-23T06:00:{number:02}.000000Z",
        "stageTimestamp": f"2026-11-23T06:00:{number:02}.800000Z",
        "annotations": {"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": attack,
                        "apiserver.latency.k8s.io/total": attack, "apiserver.latency.k8s.io/etcd": "600ms",
                        "apiserver.latency.k8s.io/" + attack: "150ms", attack: attack},
    }, ensure_ascii=False)


class Served:
    """`auditrail up` over a log, with a lake in a directory of its own."""

    def __init__(self, log, token=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="console-"))
        config = self.directory / "auditrail.yaml"
        # Any address of this machine, so that a console that runs here is not in the way.
        asks = ""
        if token:
            (self.directory / "token").write_text(token)
            asks = f", token_file: {self.directory / 'token'}"
        policy = FIXTURES.resolve() / "datadog.yaml"
        config.write_text(f"insight: {{policy: {policy}, listen: '127.0.0.1:0', http_listen: '127.0.0.1:0'{asks}}}\n")
        command = [AUDITRAIL, "up", "--config", str(config), "--path", str(log), "--to", "lake",
                   "--data", str(self.directory / "data")]
        self.said = open(self.directory / "said", "w+")
        self.process = subprocess.Popen(command, stdout=self.said, stderr=self.said)
        self.url = self.wait_for(self.address)

    def address(self):
        self.said.flush()
        found = re.search(r"console at (http://[0-9.:]+)", (self.directory / "said").read_text())
        return found and found.group(1)

    def wait_for(self, condition):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit("waited in vain; the service said:\n" + (self.directory / "said").read_text()[-4000:])

    def close(self):
        self.process.terminate()
        self.process.wait(DEADLINE)
        shutil.rmtree(self.directory)


class Browser:
    """Pages that must stay without errors and without foreign scripts."""

    def __init__(self, playwright, url, **settings):
        self.browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        self.page = self.browser.new_page(viewport={"width": 1280, "height": 900}, **settings)
        self.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.url, self.errors = url, []
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.errors.append(said.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: self.errors.append("a dialog opened"))

    def open(self, path):
        self.page.goto(self.url + path)
        self.check()

    def check(self):
        assert not self.errors, self.errors
        if self.scripts():
            assert self.page.evaluate("window.ran === undefined"), "a script of the log ran"

    def scripts(self):
        return getattr(self, "with_scripts", True)

    def shot(self, name):
        pathlib.Path(SHOTS).mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)

    def text(self):
        return self.page.inner_text("body")


def live(page, served):
    """The script writes the same numbers as the server, and renews them."""
    cells = page.locator("[data-live]")
    renewed = lambda: "?" not in cells.all_inner_texts()

    def same():
        page.reload()
        before = cells.all_inner_texts()
        page.evaluate("document.querySelectorAll('[data-live]').forEach((cell) => cell.textContent = '?')")
        served.wait_for(renewed)
        return cells.all_inner_texts() == before

    assert cells.count() > 10
    served.wait_for(same)


def refused(browser):
    page = browser.page
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url("**/refused")
    browser.check()
    assert page.locator("svg.chart rect.refused").count() > 0
    browser.shot("refused")
    page.click("tr.more summary >> nth=0")
    assert "acting as the subject" in browser.text() or "client" in browser.text()
    fix = page.locator("tr.more:has(button[data-copy])").first
    fix.locator("summary").click() if not fix.locator("details[open]").count() else None
    fix.locator("button[data-copy]").click()
    fix.locator("button:has-text('copied')").wait_for()
    assert "kind: " in page.evaluate("navigator.clipboard.readText()")
    browser.shot("refused-open")
    box = page.locator("svg.chart").bounding_box()
    verb = page.locator("table.rows tbody tr td:nth-child(2)").first.inner_text()
    page.fill("input[name=verb]", verb)
    page.click("form.filters button")
    page.wait_for_url("**verb=*")
    assert set(page.locator("table.rows tbody tr:not(.more) td:nth-child(2)").all_inner_texts()) == {verb}
    box = page.locator("svg.chart").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 20)
    page.mouse.up()
    page.wait_for_url("**from=*")
    assert page.locator("input[name=verb]").first.input_value() == verb, "the span forgot the filter"
    browser.check()


def rbac(browser):
    page = browser.page
    page.keyboard.press("g")
    page.keyboard.press("b")
    page.wait_for_url("**/rbac")
    browser.check()
    browser.shot("rbac")
    page.click("table.rows a:has-text('system:serviceaccount') >> nth=0")
    page.wait_for_url("**user=system*")
    browser.check()
    page.select_option("select[name=mode]", "wanted")
    page.click("form.filters button")
    page.wait_for_url("**mode=wanted*")
    assert "asked again" in browser.text().replace("\n", " ") and "kind: " in browser.text()
    page.click("button[data-copy=roles]")
    page.wait_for_selector("button:has-text('copied')")
    assert "kind: " in page.evaluate("navigator.clipboard.readText()")
    browser.shot("rbac-one")


def slow(browser):
    page = browser.page
    page.keyboard.press("g")
    page.keyboard.press("l")
    page.wait_for_url("**/slow")
    browser.check()
    assert page.locator("svg.lines path.p99").count() == 1
    browser.shot("slow")
    page.select_option("select[name=by]", "client")
    page.click("form.filters button")
    page.wait_for_url("**by=client*")
    browser.check()
    page.click("table.rows tbody a >> nth=0")
    page.wait_for_url("**/search*")
    assert page.locator("table.rows tbody tr").count() > 0
    browser.check()


def unusable(browser):
    """What cannot be used is said in words, and put right in the form that kept the rest."""
    page = browser.page
    page.goto(browser.url + "/slow?by=foo&user=system%3A*&from=2026-11-01")
    assert page.inner_text("[role=alert]").startswith("`by`: `foo` is none of verb, resource"), browser.text()
    assert page.evaluate("document.activeElement.name") == "by" and page.input_value("[name=by]") == "foo"
    browser.shot("unusable")
    browser.errors.clear()  # the browser notes the 400
    page.select_option("select[name=by]", "client")
    page.click("form.filters button")
    page.wait_for_url("**by=client*")
    assert page.input_value("form.filters input[name=user]") == "system:*" and "from=2026-11-01" in page.url
    assert page.locator("table.rows tbody tr").count() > 0
    browser.check()
    page.goto(browser.url + "/nothing")
    browser.errors.clear()
    page.click("main >> text=Policy")
    page.wait_for_url("**/policy")
    browser.check()


def real_log(playwright, served):
    browser = Browser(playwright, served.url)
    page = browser.page
    served.wait_for(lambda: (browser.open("/"), "Activity" in browser.text() and "No events" not in browser.text())[1])
    page.wait_for_selector("#live:not([hidden])")
    browser.shot("overview")
    assert page.locator("svg.chart rect.fine").count() > 0
    live(page, served)
    page.keyboard.press("?")
    assert page.locator("dialog[open]").count() == 1
    browser.shot("keys")
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    refused(browser)
    rbac(browser)
    slow(browser)
    unusable(browser)
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/search")
    browser.check()
    browser.shot("search")
    page.keyboard.press("/")
    page.keyboard.type("system:kube-*")
    page.keyboard.press("Enter")
    page.wait_for_url("**user=system*")
    users = page.locator("table.rows tbody tr td:nth-child(2)").all_inner_texts()
    assert users and all(user.startswith("system:kube-") for user in users), users[:5]
    assert page.locator("input[name=user]").input_value() == "system:kube-*"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.locator("tr.here").count() == 1
    page.keyboard.press("Enter")
    page.wait_for_url("**/event*")
    browser.check()
    assert "Which" not in browser.text() and '"auditID"' in browser.text() and "its level is" in browser.text()
    browser.shot("event")
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/policy*")
    browser.check()
    browser.shot("policy")
    page.fill("textarea", attacking(0, "pods"))
    with page.expect_navigation():
        page.click("button:has-text('explain')")
    assert "event=" not in page.url, page.url
    assert "its level is" in browser.text()
    browser.check()
    page.click("#theme")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("nav >> text=Overview")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark, "the choice was forgotten"
    browser.shot("overview-dark")
    browser.open("/search?user=nobody-has-this-name")
    assert "No event fits" in browser.text()
    browser.shot("nothing")
    page.set_viewport_size({"width": 390, "height": 800})
    browser.open("/")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "a phone has to scroll sideways"
    browser.shot("phone")
    for path in ["/refused", "/rbac", "/slow", "/search"]:
        browser.open(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path}: a phone has to scroll sideways"
        browser.shot("phone-" + path[1:])
    browser.browser.close()


def attacked(playwright, served):
    browser = Browser(playwright, served.url)
    served.wait_for(lambda: (browser.open("/"), "No events" not in browser.text())[1])
    browser.open("/search")
    served.wait_for(lambda: (browser.open("/search"), browser.page.locator("table.rows tbody tr").count() == len(ATTACKS))[1])
    text = browser.text()
    for attack in ATTACKS[:5]:
        assert attack in text, f"{attack} is not shown as text"
    assert "\u202e" not in browser.page.content() and "\\u{202e}" in text
    browser.shot("attacked-search")
    links = [link.get_attribute("href") for link in browser.page.locator("table.rows tbody a").all()]
    for number, link in enumerate(links):
        browser.open(link)
        assert "The line" in browser.text()
        browser.page.mouse.move(300, 300)
        browser.shot(f"attacked-event-{number}")
    browser.open("/")
    browser.shot("attacked-overview")
    for link in [link.get_attribute("href") for link in browser.page.locator(".tables a").all()]:
        assert link.startswith("/search?"), link
        browser.open(link)
    browser.open("/slow")
    assert "Where the time of 9 requests over 500 ms went" in browser.text()
    for path in ["/refused", "/rbac", "/slow"]:
        browser.open(path)
        text = browser.text()
        for attack in ATTACKS[:5]:
            assert attack in text, f"{attack} is not shown as text on {path}"
        for link in [link.get_attribute("href") for link in browser.page.locator("main a").all()]:
            assert link.startswith(("/search?", path)), link
        browser.page.evaluate("document.querySelectorAll('details').forEach((details) => details.open = true)")
        browser.page.mouse.move(300, 500)
        browser.check()
        browser.shot("attacked-" + path[1:])
        links = [link.get_attribute("href") for link in browser.page.locator("table.rows a").all()]
        for link in links[:20]:
            browser.open(link)
    for attack in ATTACKS[:5]:
        for path in ["/refused", "/rbac", "/slow"]:
            browser.page.goto(browser.url + path)
            browser.page.fill("input[name=user]", attack)
            browser.page.click("form.filters button")
            browser.check()
        browser.page.goto(browser.url + "/search")
        browser.page.fill("input[name=user]", attack)
        browser.page.click("form.filters button")
        browser.check()
        browser.open("/policy")
        browser.page.fill("textarea", attack)
        browser.page.click("button:has-text('explain')")
        browser.check()
    browser.browser.close()


def without_scripts(playwright, served):
    browser = Browser(playwright, served.url, java_script_enabled=False)
    browser.with_scripts = False
    page = browser.page
    browser.open("/")
    page.click("nav >> text=Refused")
    page.click("tr.more summary >> nth=0")
    page.fill("input[name=user]", "system:*")
    page.click("form.filters button")
    page.click("nav >> text=RBAC")
    page.click("table.rows a >> nth=0")
    assert "asked again" in browser.text()
    page.click("nav >> text=Slow")
    page.click("text=7d")
    browser.shot("slow-without-scripts")
    page.click("nav >> text=Search")
    page.fill("input[name=code]", "4xx")
    page.click("form.filters button")
    codes = page.locator("table.rows tbody tr td:nth-child(5)").all_inner_texts()
    assert codes and all(code.startswith("4") for code in codes), codes[:5]
    page.click("table.rows tbody a >> nth=0")
    assert "The line" in browser.text()
    browser.shot("event-without-scripts")
    browser.browser.close()


TOKEN = "a-token-of-some-length"


def signing_in(playwright, served):
    browser = Browser(playwright, served.url)
    page = browser.page
    page.goto(served.url + "/slow?verb=list")
    browser.errors.clear()  # the browser notes the 401
    assert "Sign in" in browser.text() and "How long" not in browser.text()
    browser.shot("login")
    page.fill("input[name=token]", "another-token-of-some-length")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=That is not the token")
    browser.errors.clear()
    page.fill("input[name=token]", TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_url("**/slow?verb=list")
    browser.check()
    page.wait_for_selector("#live:not([hidden])")
    assert "How long" in browser.text() and page.inner_text("#live") == "all well"
    assert page.evaluate("document.cookie") == "", "a script can read the cookie"
    browser.open("/login")
    page.click("text=sign out")
    page.wait_for_selector("input[name=token]")
    browser.browser.close()


def main():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="console-logs-"))
    log, attacks = directory / "real.log", directory / "attacks.log"
    roles = FIXTURES.parent.parent / "audit/tests/fixtures/rbac/audit.log.zst"
    with open(log, "wb") as together:
        for recorded in [FIXTURES / "real.log.zst", roles]:
            subprocess.run(["zstd", "-q", "-d", "-c", str(recorded)], stdout=together, check=True)
    attacks.write_text("".join(attacking(*numbered) + "\n" for numbered in enumerate(ATTACKS)), encoding="utf-8")
    try:
        with sync_playwright() as playwright:
            for log, token, suites in [
                (log, None, [real_log, without_scripts]),
                (attacks, None, [attacked]),
                (log, TOKEN, [signing_in]),
            ]:
                served = Served(log, token)
                try:
                    for suite in suites:
                        suite(playwright, served)
                        print(f"{suite.__name__}: fine")
                finally:
                    served.close()
    finally:
        shutil.rmtree(directory)


main()
