"""Takes the screenshot of the check in Nagios Core's web page.

    .ci/install-daemons
    apt-get install --no-install-recommends nagios4-cgi chromium optipng
    python -m tests.daemons.screenshot contrib/docs/nagios.png

Needs root, and runs on a throw-away machine like the tests. It is not one of them
because chromium takes more disk space than everything else together.
"""

import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from tests.daemons.machine import (
    edit,
    install,
    install_plugin,
    run,
    run_on_machine,
    start,
    wait_for,
)
from tests.daemons.test_nagios import CONFIGURATION, HOST, service
from tests.support.namespace import add_address
from tests.support.sockets import connect, listen, time_wait

PORTS = "32768-47999"
REMOTE, PORT, BATCHES, BATCH = "192.0.2.7", 443, 5, 2850
"""Connections that fill the range to 93 %. A batch fits into a listener's queue."""
CGI = Path("/usr/lib/cgi-bin/nagios4")
PAGES = {
    "stylesheets": Path("/etc/nagios4/stylesheets"),
    "": Path("/usr/share/nagios4/htdocs"),
}
TYPES = {".css": "text/css", ".js": "text/javascript", ".png": "image/png"}
SERVER = ("127.0.0.1", 8080)
PAGE = "/cgi-bin/nagios4/status.cgi?host=all"
SIZE = "1240,350"


class Pages(BaseHTTPRequestHandler):
    """Nagios Core's pages, as Apache would serve them."""

    def do_GET(self):
        url = urlsplit(self.path)
        program = CGI / Path(url.path).name
        if program.is_file():
            done = subprocess.run(
                [str(program)],
                stdout=subprocess.PIPE,
                env={"REQUEST_METHOD": "GET", "QUERY_STRING": url.query},
            )
            _, _, body = done.stdout.replace(b"\r\n", b"\n").partition(b"\n\n")
            self.answer(200, "text/html", body)
            return
        folder, _, rest = url.path.replace("/nagios4/", "", 1).partition("/")
        base = PAGES.get(folder)
        path = base / rest if base else PAGES[""] / folder / rest
        if path.is_file():
            self.answer(200, TYPES.get(path.suffix, "image/gif"), path.read_bytes())
        else:
            self.answer(404, "text/plain", b"")

    def answer(self, code, kind, body):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


def fill():
    """Fill the range with TIME_WAIT that the default of tcp_tw_reuse does not reuse."""
    add_address(f"{REMOTE}/32")
    server = listen(REMOTE, PORT)
    for _ in range(BATCHES):
        time_wait(BATCH, server, lambda: connect((REMOTE, PORT)))
    time.sleep(1)  # younger TIME_WAIT is never taken over


def take(picture):
    """Take the screenshot as soon as Nagios shows the alarm."""
    install_plugin()
    install("nagios/check_ephemeral_port.cfg")
    install("nagios/check_ephemeral_port_nrpe.cfg")
    install("nrpe/check_ephemeral_port.cfg")
    Path("/etc/nagios4/objects/localhost.cfg").write_text(HOST)
    # a minute of the configuration lasts a second
    edit(
        CONFIGURATION,
        interval_length=1,
        status_update_interval=1,
        check_result_reaper_frequency=1,
        use_syslog=0,
        check_for_updates=0,
    )
    edit("/etc/nagios4/cgi.cfg", use_authentication=0, enable_page_tour=0)
    fill()
    start("nrpe", "-c", "/etc/nagios/nrpe.cfg", "-f", user="root")
    start("nagios4", CONFIGURATION)
    for name in ("ephemeral ports", "ephemeral ports by NRPE"):
        wait_for(lambda: hard(service(name, 2)))
    Thread(target=ThreadingHTTPServer(SERVER, Pages).serve_forever, daemon=True).start()
    run(
        *("chromium", "--headless", "--no-sandbox", "--disable-gpu"),
        *("--disable-dev-shm-usage", "--hide-scrollbars", "--user-data-dir=/run/c"),
        *(f"--screenshot={picture}", f"--window-size={SIZE}"),
        f"http://{SERVER[0]}:{SERVER[1]}{PAGE}",
    )
    run("optipng", "-quiet", "-o5", "-strip", "all", str(picture))


def hard(found):
    """The service if Nagios says that its state is hard."""
    return found if found and found["state_type"] == "1" else None


if __name__ == "__main__":
    target = Path(sys.argv[1]).resolve()
    failure = run_on_machine(PORTS, lambda: take(target))
    sys.exit(failure or 0)
