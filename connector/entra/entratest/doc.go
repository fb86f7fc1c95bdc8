// Package entratest is a mock Microsoft Entra tenant: the token endpoint and
// Microsoft Graph v1.0 over TLS on a loopback address.
//
// # What it does not do
//
// It knows directory objects only: no mailboxes, no licences, no sign-ins, no
// audit logs, no beta endpoint (and so no onPremisesObjectIdentifier), no delegated
// permissions, no administrative units, no synchronization jobs, and no private sync
// service. It matches nothing by itself: what a client creates is a new object. Distribution lists, mail-enabled security groups,
// contacts and devices can be seeded and read, not written. $search, $skip,
// lambda expressions other than any over collections of strings, $expand of anything but manager,
// members and owners, and $apply are refused. Permissions are checked per
// operation, not per property. Eventual consistency is a fixed delay after
// creation, the same for every reader. Where Graph's documents are silent or
// disagree the mock decides, and the decision is one of these:
//
//   - a soft-deleted user keeps its onPremisesImmutableId taken;
//   - a restore that meets a taken name or address is refused with 400;
//   - soft-deleted security groups can be restored like Microsoft 365 groups;
//   - who is eligible for a role counts as one who holds it;
//   - the settings of onPremisesSynchronization are refused to applications, unless
//     [Server.SetSyncFeatures] lets them be read;
//   - a filter takes fifteen alternatives, of in and of or alike;
//   - a delta token of more than seven days is answered with 400
//     syncStateNotFound, one from before a gap in the change log with 410
//     resyncRequired and a Location;
//   - a batch whose dependencies are not one of Graph's three patterns (none, a
//     chain, all on the same request) is refused as a whole.
//
// # Strictness
//
// What Graph refuses, the mock refuses, with Graph's status, error code,
// details and headers. What no correct client sends (an unknown path, query
// option or property, a value of the wrong type, a malformed body, filter or
// token) also fails the test that started the server. The scope of a token has
// to name a Graph host of some cloud, such as
// https://graph.microsoft.com/.default.
//
// # Use
//
// [NewServer] starts a tenant for one test, [Start] one for a program. Clients get
// [Server.GraphURL], [Server.AuthorityURL], the identity and
// [Server.HTTPClient] or [Server.CAPool]. Seed with [Server.AddUser], [Server.AddGroup],
// [Server.AssignRole] and [Server.MakeEligible], compare
// with [Server.Users], [Server.Groups] and [Server.Dump], count requests with
// [Server.Counts] and [Server.Writes], move time with [Server.Advance],
// misbehave with [Server.Inject], [Server.FailRate] and their kin.
//
// A server is safe for concurrent use. Each request applies whole or not at
// all, and reads see no half of one.
package entratest
