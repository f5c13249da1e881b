"""Listens to the events of the API (server-sent events), as many at once as asked for.

    event_client.py URL COUNT LAST SECONDS [TEXT]

COUNT connections, each with Last-Event-ID LAST ("-": none). Ends when each has had an event with TEXT in it, or after
SECONDS. Prints for each "ID ID …" of what it was told, or "HTTP STATUS"; exit 1 where one had no such event.
"""
import http.client
import os
import sys
import threading
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials


def listen(url, last, until, text, told, index):
    request = botocore.awsrequest.AWSRequest("GET", url + "/events")
    if last != "-":
        request.headers["Last-Event-ID"] = last
    credentials = botocore.credentials.Credentials(
        os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    )
    botocore.auth.SigV4Auth(credentials, "muster", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=until - time.time())
    connection.request("GET", "/events", headers=dict(request.headers.items()))
    answer = connection.getresponse()
    if answer.status != 200:
        told[index] = [f"HTTP {answer.status}"]
        return False
    ids = []
    told[index] = ids
    while time.time() < until:
        line = answer.readline().decode()
        if not line:
            return False
        if line.startswith("id: "):
            ids.append(line[4:].strip())
        if line.startswith("data: ") and text in line:
            return True
        if line.startswith("retry: "):
            os.write(2, b"listening\n")  # whole: many threads do
    return False


def main():
    url, count, last, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
    text = sys.argv[5] if len(sys.argv) > 5 else ""
    told, good = [[]] * count, [False] * count

    def one(index):
        try:
            good[index] = listen(url, last, time.time() + seconds, text, told, index)
        except OSError:
            pass

    threads = [threading.Thread(target=one, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for ids in told:
        print(" ".join(ids))
    return 0 if all(good) else 1


sys.exit(main())
