// Microsoft's Graph client for JavaScript against tenantsim: its line of JSON comes in SIM.
import { Client, MiddlewareFactory, PageIterator } from "@microsoft/microsoft-graph-client";

const sim = JSON.parse(process.env.SIM);
const check = (ok, what) => {
  if (!ok) throw new Error(what);
};

const signIn = await fetch(`${sim.authority}/${sim.tenant}/oauth2/v2.0/token`, {
  method: "POST",
  body: new URLSearchParams({
    grant_type: "client_credentials", client_id: sim.client_id, client_secret: sim.client_secret,
    scope: "https://graph.microsoft.com/.default",
  }),
});
const { access_token: token } = await signIn.json();
check(token, "no token");

// The client's own middleware, and last a transport that counts what was refused.
let refused = 0;
const middleware = MiddlewareFactory.getDefaultMiddlewareChain({ getAccessToken: async () => token });
middleware[middleware.length - 1] = {
  async execute(context) {
    context.response = await fetch(context.request, context.options);
    if (context.response.status === 429) refused++;
  },
};
const base = sim.graph.slice(0, sim.graph.lastIndexOf("/") + 1);
const client = Client.initWithMiddleware({ middleware, baseUrl: base, customHosts: new Set([new URL(base).hostname]) });

const user = (name) => ({
  accountEnabled: true, displayName: name, mailNickname: name, userPrincipalName: `${name}@contoso.test`,
  passwordProfile: { password: "xWwvJ]6NMw+bWH-d" },
});
const follow = async (link) => {
  const all = [];
  for (;;) {
    const page = await client.api(link).get();
    all.push(...page.value);
    if (page["@odata.deltaLink"]) return [all, page["@odata.deltaLink"]];
    link = page["@odata.nextLink"];
  }
};

const created = await client.api("/users").post(user("first"));
check(created.id, "no id");

const names = [];
const page = await client.api("/users").top(5).select("id,userPrincipalName").get();
check(page["@odata.nextLink"], "one page only");
await new PageIterator(client, page, (u) => names.push(u.userPrincipalName)).iterate();
check(names.length === 13, `${names.length} users`);
check(names.includes("first@contoso.test"), "the new user is not listed");

let [changes, link] = await follow("/users/delta?$select=displayName");
check(changes.length === 13, `${changes.length} users in the first round`);
const second = await client.api("/users").post(user("second"));
await client.api(`/users/${created.id}`).delete();
[changes] = await follow(link);
check(changes.find((c) => c.id === second.id)?.displayName === "second", "the delta lacks the new user");
check(changes.find((c) => c.id === created.id)?.["@removed"]?.reason === "changed", "the delta lacks the deleted user");

for (let i = 0; i < 200 && refused === 0; i++) await client.api(`/users/${second.id}`).select("id").get();
check(refused > 0, "never throttled");
const again = await client.api(`/users/${second.id}`).select("displayName").get();
check(again.displayName === "second", "not recovered");
console.log(JSON.stringify({ listed: names.length, refused }));
