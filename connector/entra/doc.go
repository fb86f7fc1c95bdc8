// Package entra is the connector for Microsoft Entra ID over Microsoft Graph.
//
// [New] makes a [Tenant], a [connector.Connector] for users, groups and, to import, devices: full and delta
// import, reads of single objects, export and preflight checks. It uses public Graph v1.0
// only and works with any azcore.TokenCredential; package credential makes them.
//
//	tenant, err := entra.New("contoso.onmicrosoft.com", cred, &entra.Options{TenantID: id})
//
// # Attributes
//
// Attributes have the names that Entra Connect's provisioning rules use (sourceAnchor,
// alias, surname, ...), so that those rules run unmodified. [Mappings] is the table of
// attributes and Graph properties; the README next to this file shows it. What the rules
// export and public Graph cannot take is in the schema as read-only; a change that holds it
// is carried out without it and lists it in [connector.Result.Skipped].
//
// # Anchors, DNs and references
//
// An object's anchor is its cloudAnchor, User_<id> or Group_<id>; references hold the anchor
// of their target (members that are not imported are Device_<id>, Contact_<id> and
// ServicePrincipal_<id>). The DN is CN={hex} of the source anchor, as in Entra Connect, and
// empty for an object without one.
//
// Users keep the source anchor in onPremisesImmutableId. Groups have no such property; the
// connector writes it, encoded, to uniqueName when it creates a group, and can so find the
// group again. [Options.NoGroupLink] switches that off.
//
// Devices are imported where [Options.Classes] names them, and never exported. Their owners and
// key credentials are not in what a delta query tells.
//
// # What public Graph cannot do
//
// Objects that the connector creates are cloud-managed in the service's eyes: nothing can
// set onPremisesSyncEnabled, proxyAddresses or password hashes. Distribution groups and
// mail-enabled security groups are read-only; see [Options.DistributionGroups]. Objects that
// another engine masters (onPremisesSyncEnabled) are imported, and refused in exports.
//
// Of Exchange Online public Graph shows addresses and nothing else: cloudLegacyExchangeDN and
// the cloudMSExch attributes of Entra Connect's private service (hashes of the lists of
// blocked and safe senders and of safe recipients, archive status, holds, voice mail,
// recipient types) and delegates (cloudPublicDelegates) do not exist here, so that rules
// that write them back to Active Directory have nothing to write.
//
// # Import
//
// Full and delta imports are delta queries; [connector.ImportRequest] says how they
// stream. An absent property means unchanged, a null one cleared. A watermark is good for
// seven days, and for the properties and classes that it was made with.
//
// # Export
//
// Changes go in JSON batches of twenty, several at a time, paced to the published quotas of
// writes and of resource units, which depend on the size of the tenant. What the service
// says about how much is used slows requests down before it refuses them.
// Requests that can be repeated are; a creation whose answer was lost is settled by looking
// for the object, and is Unknown where that does not help. New accounts get a random
// password that nobody is told, and are disabled unless accountEnabled says otherwise.
//
// # Matching
//
// Graph itself matches nothing, so that the connector decides what a new object is, by the
// table of [sourceanchor.Match] and at the moment at which Entra ID does it for Entra
// Connect: when the object is added. A user with the same source anchor, deleted ones
// included, is taken over or restored; else one without a source anchor that has the
// primary address (SMTP: of proxyAddresses, or mail) or the userPrincipalName. A Microsoft
// 365 group is matched by its address, other groups are not. An object that is taken over
// is given everything that the new one shall have, the source anchor included.
//
// Nothing is taken over that holds an administrative role or is eligible for one, that
// another engine masters, that has another source anchor, that is of another type or one of
// several, or where [Options] block it: the change is then a conflict that names the object
// and Entra ID's error, such as InvalidSoftMatch. Objects are looked up fifteen to a filter
// and twenty filters to a request. Role holders are listed once a session and take the
// permission RoleManagement.Read.Directory; without it nothing is taken over. What an
// import has shown is the engine's to join, before anything is added.
//
// An onPremisesObjectIdentifier cannot be read in Graph v1.0: the protection of objects
// that have one is left to the service.
//
// # Preflight
//
// The check reads the application permissions in the access token and compares them with
// what import, export and matching need, tries the reads, and tells what matters about the
// tenant: users that wait to be exported under a name in a domain that is not verified, the
// room in the directory, objects that another engine masters, the tenant's settings for
// Entra Connect where they can be read, and directory extensions that are not defined.
// [Tenant.Extensions] finds directory extensions, [Tenant.DefineExtensions] makes them.
//
// # Errors
//
// Refusals of Graph are [*GraphError] inside [connector.Error]: status, codes, request-id,
// and the body whatever it was. Branch on the sentinels of package connector. Texts hold
// neither attribute values nor messages of the service, which may quote them.
//
// # Concurrency
//
// A Tenant is safe for concurrent use, and paces all its sessions together. A session
// belongs to one run step.
//
// # Tests
//
// Package entratest is a tenant on loopback. Importing entra compiles the Graph SDK, which
// takes minutes the first time.
package entra
