import base64
import json

from mailferry.report.paging import FIRST_PAGE, Asked, asked_of
from tests.support.engine import Engine, csv_of, settings_for

NO = ("127.0.0.1", 1)


def tryit(name, f):
    try:
        r = f()
        print(name, "->", str(r)[:200])
    except BaseException as e:
        print(name, "!!", type(e).__name__, str(e)[:200])


tryit("most", lambda: asked_of({"most": "0" * 5 + "9999" * 4}))
tryit("most2", lambda: asked_of({"most": "0" * 5000 + "1"}))
e = Engine(settings_for(NO, NO))
e.drop("b", csv_of("a@x.y"))
S = e.services
for n in (1000, 6000, 20000):
    tok = base64.urlsafe_b64encode(b"[" * n).decode()
    tryit("next%d" % n, lambda: S.status.one("b", Asked(next=tok)))
    tok = base64.urlsafe_b64encode(b'["",' + b"[" * n + b"]" * n + b',"x"]').decode()
    tryit("nextb%d" % n, lambda: S.status.one("b", Asked(next=tok)))
tok = base64.urlsafe_b64encode(b'["",NaN,"x"]').decode()
tryit("nan", lambda: S.status.one("b", Asked(next=tok)))
tok = base64.urlsafe_b64encode(b'["",1' + b"0" * 5000 + b',"x"]').decode()
tryit("bigint", lambda: S.status.one("b", Asked(next=tok)))
tryit("items_next", lambda: S.status.mailbox("b", e.line("b").mailbox, FIRST_PAGE, "\x00' or 1 eq 1"))


def put(n, d):
    e.storage.blobs.write("batches", n, d if isinstance(d, bytes) else d.encode("utf-8", "surrogatepass"), "x")


put("b.command.json", '{"operation":"pause","mailboxes":["\\ud800"]}')
put("c.command.json", '{"operation":"pause","\\ud800":1}')
S.watch.commands.run()
print([b.name for b in e.storage.blobs.list("batches")])
put("endpoints/x.json", '{"host":"\\ud800"}')
tryit("ep", S.watch.endpoints.run)
e.storage.blobs.delete("batches", "endpoints/x.json")
put("endpoints/y.json", json.dumps({f"k{i}": 1 for i in range(1500)}))
tryit("ep2", S.watch.endpoints.run)
e.storage.blobs.delete("batches", "endpoints/y.json")
tryit("files google", lambda: S.files.put("g.csv", b"EmailAddress,UserName\na@x.y,a@x.y\n"))
for n in ("plans.csv", "templates.csv", "provision.csv", "endpoints.csv", "CON.csv", "endpoints.json"):
    tryit(n, lambda: S.files.put(n, csv_of("a@x.y").encode() if n.endswith("csv") else b"{}"))
put("plans/p.json", json.dumps({"priority": 3}).encode("utf-16"))
put("plans/p.csv", csv_of("q@x.y"))
tryit("plan16", lambda: S.drops.take("plans/p.csv"))
put("plans/q.json", json.dumps({"start_after": "9999-12-31T10:00:00Z"}))
put("templates/t.csv", csv_of("z@x.y"))
tryit("tpl csv", lambda: S.drops.take("templates/t.csv"))
print([b.name for b in e.storage.blobs.list("batches")], [b.name for b in e.storage.blobs.list("reports", "templates")])
put("provision/readme.txt", "hello")
put("provision/n.command.json", b"x" * 11_000_000)
tryit("prov", S.watch.provisioning.look_after)
print([b.name for b in e.storage.blobs.list("batches")], [b.name for b in e.storage.blobs.list("reports", "provision")])
