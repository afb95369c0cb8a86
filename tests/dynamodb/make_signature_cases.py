#!/usr/bin/env python3
"""Writes lib/store/test_signature_cases.h: what botocore, Amazon's own client, signs.

Usage: pip install botocore; python3 tests/dynamodb/make_signature_cases.py
The result is checked in, so that the test needs no botocore.
"""

import datetime
import pathlib

import botocore.auth
import botocore.awsrequest
import botocore.credentials

TYPE = "application/x-amz-json-1.0"
ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=" * 12
GET = '{"TableName":"moneypal-wallet","Key":{"pk":{"S":"A"},"sk":{"S":"1"}}}'
AWS = "https://dynamodb.eu-central-1.amazonaws.com"
NOW = "20261123T022250Z"

# name, id, secret, token, region, url, operation, body and how often it is repeated, time
CASES = [
    ("plain", ID, SECRET, None, "eu-central-1", AWS, "GetItem", GET, 1, NOW),
    ("session token", ID, SECRET, TOKEN, "eu-central-1", AWS, "GetItem", GET, 1, NOW),
    ("empty object", ID, SECRET, None, "us-east-1", "https://dynamodb.us-east-1.amazonaws.com",
     "ListTables", "{}", 1, NOW),
    ("no body", ID, SECRET, None, "us-east-1", "https://dynamodb.us-east-1.amazonaws.com",
     "ListTables", "", 0, NOW),
    ("UTF-8", ID, SECRET, None, "eu-central-1", AWS, "PutItem",
     '{"Item":{"t":{"S":"caf\u00e9 \u20ac \U0001f4b6 \u7532\u9aa8"}}}', 1, NOW),
    ("UTF-8 and a token", ID, SECRET, TOKEN, "eu-central-1", AWS, "PutItem",
     '{"Item":{"t":{"S":"\u0414\u0435\u043d\u044c\u0433\u0438"}}}', 1, NOW),
    ("escapes", ID, SECRET, None, "eu-central-1", AWS, "PutItem",
     '{"Item":{"t":{"S":"\\u0001\\"\\\\ a  b\\t"}}}', 1, NOW),
    ("100 KB", ID, SECRET, None, "eu-central-1", AWS, "TransactWriteItems", "0123456789", 10000,
     NOW),
    ("4 MB and a token", ID, SECRET, TOKEN, "eu-central-1", AWS, "TransactWriteItems",
     "moneypal", 524288, NOW),
    ("odd port", "test", "test", None, "local", "http://127.0.0.1:21900", "GetItem", GET, 1, NOW),
    ("name and odd port", "test", "test", TOKEN, "eu-central-1", "http://dynamodb-local:8000",
     "Query", GET, 1, NOW),
    ("port of http", "test", "test", None, "eu-central-1", "http://dynamodb:80", "Query", GET, 1,
     NOW),
    ("port of https", ID, SECRET, None, "eu-central-1", AWS + ":443", "Query", GET, 1, NOW),
    ("https on the port of http", ID, SECRET, None, "eu-central-1", AWS + ":80", "Query", GET, 1,
     NOW),
    ("IPv6", "test", "test", None, "eu-central-1", "http://[::1]:8000", "Scan", GET, 1, NOW),
    ("VPC endpoint", ID, SECRET, None, "eu-west-3",
     "https://vpce-0123-abcd.dynamodb.eu-west-3.vpce.amazonaws.com", "Scan", GET, 1, NOW),
    ("China", ID, SECRET, None, "cn-north-1", "https://dynamodb.cn-north-1.amazonaws.com.cn",
     "BatchGetItem", GET, 1, NOW),
    ("GovCloud", ID, SECRET, None, "us-gov-west-1",
     "https://dynamodb.us-gov-west-1.amazonaws.com", "BatchWriteItem", GET, 1, NOW),
    ("one second before midnight", ID, SECRET, None, "eu-central-1", AWS, "GetItem", GET, 1,
     "20261231T235959Z"),
    ("midnight", ID, SECRET, None, "eu-central-1", AWS, "GetItem", GET, 1, "20270101T000000Z"),
    ("leap day", ID, SECRET, None, "eu-central-1", AWS, "GetItem", GET, 1, "20280229T120000Z"),
    ("a secret of odd characters", ID, "a+b/c=%20&\u00fc", None, "eu-central-1", AWS, "GetItem",
     GET, 1, NOW),
    ("a long secret", ID, "s" * 128, None, "eu-central-1", AWS, "GetItem", GET, 1, NOW),
]


def escaped(byte):
    character = chr(byte)
    if character in '"\\':
        return "\\" + character
    return character if 32 <= byte < 127 and character != "?" else f"\\{byte:03o}"


def text(value):
    """A C string, in pieces that fit into a line."""
    if value is None:
        return "NULL"
    lines = [""]
    for byte in value.encode():
        lines[-1] += escaped(byte)
        if len(lines[-1]) > 76:
            lines.append("")
    return "\n\t\t".join(f'"{line}"' for line in lines if line or len(lines) == 1)


def time_of(stamp):
    return datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(
        tzinfo=datetime.timezone.utc)


def sign(case):
    _, key, secret, token, region, url, operation, body, times, stamp = case
    botocore.auth.get_current_datetime = lambda *_a, **_k: time_of(stamp)
    request = botocore.awsrequest.AWSRequest(
        method="POST", url=url + "/", data=(body * times).encode(),
        headers={"Content-Type": TYPE, "X-Amz-Target": "DynamoDB_20120810." + operation})
    credentials = botocore.credentials.Credentials(key, secret, token)
    botocore.auth.SigV4Auth(credentials, "dynamodb", region).add_auth(request)
    return request.headers


def row(case):
    name, key, secret, token, region, url, operation, body, times, stamp = case
    headers = sign(case)
    assert headers["X-Amz-Date"] == stamp
    fields = [text(name), text(key), text(secret), text(token), text(region), text(url),
              text("DynamoDB_20120810." + operation), text(body), str(times),
              str(int(time_of(stamp).timestamp())), text(stamp), text(headers["Authorization"])]
    return "\t{" + ",\n\t\t".join(fields) + "},\n"


def main():
    path = pathlib.Path(__file__).resolve().parents[2] / "lib/store/test_signature_cases.h"
    path.write_text(
        "#ifndef MP_STORE_TEST_SIGNATURE_CASES_H\n#define MP_STORE_TEST_SIGNATURE_CASES_H\n\n"
        f"/* What botocore {botocore.__version__} signs: "
        "made by tests/dynamodb/make_signature_cases.py. */\n\n"
        "/* clang-format off */\n" + "".join(row(case) for case in CASES) +
        "/* clang-format on */\n\n#endif\n")


if __name__ == "__main__":
    main()
