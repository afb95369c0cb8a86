#!/usr/bin/python3 -B
"""A proxy in front of DynamoDB Local that does what DynamoDB Local never does.

Usage: proxy.py PORT UPSTREAM        prints a line when it listens (127.0.0.1)

POST /control takes faults, one a line: NAME [COUNT [ARGUMENT]]. Each stands for the next COUNT (1)
requests; what comes after the last passes unharmed. An empty body passes everything, and clears the
log. GET /control answers with the log since then: "OPERATION FAULT TOKEN ACCESS-KEY" a line.

  pass          unharmed
  cut-before    the connection ends before the request is passed on
  cut-after     it is passed on, and the connection ends without an answer
  cut-during    the same, in the middle of the answer
  error-before  status 500, not passed on        error-after   passed on, then status 500
  unavailable   status 503, not passed on        html          status 502 and a page, not passed on
  hang          never answered, not passed on    hang-after    passed on, never answered
  slow          passed on, answered ARGUMENT milliseconds later
  far           a transaction takes about ARGUMENT milliseconds more, anything else a quarter of that
  throttle      ProvisionedThroughputExceededException
  canceled-throttle, canceled-conflict           a transaction canceled for such a reason
  conflict      TransactionConflictException     in-progress   TransactionInProgressException
  unprocessed   half of a batch is passed on, the other half comes back as not processed
  skew          a signature refused by a clock that is ARGUMENT seconds ahead of ours
  denied, expired, signature                     refusals of whoever asks
  chaos         ARGUMENT percent of the requests meet one of the faults above, drawn from a seed

GET /credentials hands out keys as a container's endpoint does, to whom shows the token last given
by POST /credentials (body: TOKEN SECONDS-TO-LIVE STATUS). Each answer's keys have a new number.
"""

import email.utils
import http.client
import json
import random
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HANG_S = 60
ERRORS = {
    "throttle": "ProvisionedThroughputExceededException",
    "conflict": "TransactionConflictException",
    "in-progress": "TransactionInProgressException",
    "denied": "AccessDeniedException",
    "expired": "ExpiredTokenException",
    "signature": "InvalidSignatureException",
}
CHAOS = ["cut-before", "cut-after", "cut-during", "error-before", "error-after", "unavailable",
         "throttle", "conflict", "html"]
CHAOS_TRANSACTION = CHAOS + ["canceled-throttle", "canceled-conflict"]


class State:
    def __init__(self):
        self.lock = threading.Lock()
        self.faults = []  # [name, left, argument]
        self.log = []
        self.token, self.seconds, self.status, self.served = "", 3600, 200, 0
        self.random = random.Random(20261123)

    def set_faults(self, text):
        faults = []
        for line in text.splitlines():
            words = line.split()
            faults.append([words[0], int(words[1]) if len(words) > 1 else 1,
                           int(words[2]) if len(words) > 2 else 0])
        with self.lock:
            self.faults = faults
            if not faults:
                self.log.clear()

    def take(self, operation, body, key):
        with self.lock:
            name, argument = "pass", 0
            if self.faults:
                fault = self.faults[0]
                name, argument = fault[0], fault[2]
                fault[1] -= 1
                if fault[1] == 0:
                    self.faults.pop(0)
            if name == "chaos":
                kinds = CHAOS_TRANSACTION if operation == "TransactWriteItems" else CHAOS
                name = self.random.choice(kinds) if self.random.random() * 100 < argument else "pass"
            token = body.get("ClientRequestToken", "-")
            self.log.append(f"{operation} {name} {token} {key}")
            return name, argument


class Cut(Exception):
    pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120
    upstream = None  # one kept connection a client's

    def log_message(self, *_):
        pass

    def answer(self, status, body, content_type="application/x-amz-json-1.0", ahead_s=0, part=None):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response_only(status)
        self.send_header("Date", email.utils.formatdate(time.time() + ahead_s, usegmt=True))
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if part is None else body[:part])
        self.wfile.flush()
        if part is not None:
            raise Cut

    def refuse(self, name, ahead_s=0, **more):
        self.answer(400, json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#" + name,
                                     "message": "by the proxy", **more}), ahead_s=ahead_s)

    def forward(self, raw):
        if self.upstream is None:
            where = urlsplit(self.server.upstream)
            self.upstream = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() not in ("host", "content-length", "expect")}
        self.upstream.request("POST", "/", raw, headers)
        answer = self.upstream.getresponse()
        return answer.status, answer.read()

    def do_GET(self):
        if self.path == "/credentials":
            self.give_credentials()
        else:
            with self.server.state.lock:
                text = "".join(line + "\n" for line in self.server.state.log)
            self.answer(200, text, "text/plain")

    def give_credentials(self):
        state = self.server.state
        with state.lock:
            state.served += 1
            number, allowed = state.served, self.headers.get("Authorization", "") == state.token
            seconds, status = state.seconds, state.status
        if not allowed:
            self.answer(401, "{}", "application/json")
            return
        ends = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        self.answer(status, json.dumps({
            "AccessKeyId": f"KEY{number}", "SecretAccessKey": "secret", "Token": "session",
            "Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}), "application/json")

    def set_credentials(self, text):
        words = text.split()
        with self.server.state.lock:
            state = self.server.state
            state.token, state.seconds, state.status = words[0], int(words[1]), int(words[2])

    def do_POST(self):
        try:
            self.post()
        except (Cut, ConnectionError):
            self.close_connection = True

    def post(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/control":
            self.server.state.set_faults(raw.decode())
            self.answer(200, "", "text/plain")
        elif self.path == "/credentials":
            self.set_credentials(raw.decode())
            self.answer(200, "", "text/plain")
        else:
            self.act(raw)

    def act(self, raw):
        body = json.loads(raw)
        operation = self.headers.get("X-Amz-Target", "").partition(".")[2]
        key = self.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]
        fault, argument = self.server.state.take(operation, body, key)
        if fault == "cut-before":
            raise Cut
        if fault in ERRORS:
            self.refuse(ERRORS[fault])
        elif fault == "skew":
            self.refuse("InvalidSignatureException", ahead_s=argument)
        elif fault.startswith("canceled-"):
            self.cancel(body, fault)
        elif fault in ("error-before", "unavailable", "html"):
            self.fail(fault)
        elif fault == "hang":
            time.sleep(HANG_S)
            raise Cut
        elif fault == "unprocessed":
            self.half(body, operation)
        elif fault == "far":
            self.go_far(raw, argument if operation == "TransactWriteItems" else argument / 4)
        else:
            self.pass_on(raw, fault, argument)

    def go_far(self, raw, usual_ms):
        way_s = usual_ms / 2000 * random.uniform(0.5, 1.5)
        time.sleep(way_s)
        status, answer = self.forward(raw)
        time.sleep(way_s)
        self.answer(status, answer)

    def cancel(self, body, fault):
        reasons = [{"Code": "None"} for _ in body.get("TransactItems", [])]
        if reasons:
            reasons[-1] = {"Code": "ThrottlingError" if fault == "canceled-throttle"
                           else "TransactionConflict", "Message": "by the proxy"}
        self.refuse("TransactionCanceledException", CancellationReasons=reasons)

    def fail(self, fault):
        if fault == "html":
            self.answer(502, "<html>Bad Gateway</html>", "text/html")
        else:
            self.answer(500 if fault == "error-before" else 503, json.dumps(
                {"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError"}))

    def half(self, body, operation):
        items = body["RequestItems"]
        table = next(iter(items))
        rest = json.loads(json.dumps(items))
        if operation == "BatchGetItem":
            keys = items[table]["Keys"]
            middle = (len(keys) + 1) // 2
            items[table]["Keys"], rest[table]["Keys"] = keys[:middle], keys[middle:]
            left, name = rest[table]["Keys"], "UnprocessedKeys"
        else:
            middle = (len(items[table]) + 1) // 2
            items[table], rest[table] = items[table][:middle], items[table][middle:]
            left, name = rest[table], "UnprocessedItems"
        status, answer = self.forward(json.dumps(body).encode())
        answer = json.loads(answer)
        answer[name] = rest if left else {}
        self.answer(status, json.dumps(answer))

    def pass_on(self, raw, fault, argument):
        status, answer = self.forward(raw)
        if fault == "cut-after":
            raise Cut
        if fault == "hang-after":
            time.sleep(HANG_S)
            raise Cut
        if fault == "error-after":
            self.fail("error-before")
            return
        if fault == "slow":
            time.sleep(argument / 1000)
        self.answer(status, answer, part=len(answer) // 2 if fault == "cut-during" else None)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    server.upstream, server.state = sys.argv[2], State()
    print("listening", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
