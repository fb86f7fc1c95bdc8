# What many a script does: read a directory with ldap3, keep it in sqlite3.
import json, sqlite3, sys
import ldap3

url, user, password, base, path = sys.argv[1:]
db = sqlite3.connect(path)
db.execute("CREATE TABLE object (id TEXT PRIMARY KEY, dn TEXT UNIQUE, attributes TEXT)")
conn = ldap3.Connection(ldap3.Server(url), user, password, auto_bind=True)
rows = conn.extend.standard.paged_search(
    base, "(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))", ldap3.SUBTREE,
    attributes=["*", "entryUUID"], paged_size=1000, generator=True)
for n, e in enumerate(rows):
    a = {k: [str(v) for v in (vs if isinstance(vs, list) else [vs])] for k, vs in e["attributes"].items()}
    db.execute("INSERT INTO object VALUES (?, ?, ?)", (a["entryUUID"][0], e["dn"], json.dumps(a)))
    if n % 1000 == 999:
        db.commit()
db.commit()
