// Package hybridsync is the root of a Go SDK for hybrid identity synchronisation: on-premises
// Active Directory to Microsoft Entra ID. It holds no code; start with the packages:
//
//   - connector: the contract of a connected directory, with memdir (in memory), ad (Active
//     Directory over LDAP) and entra (Microsoft Entra ID over Microsoft Graph) beneath it
//   - rules: sync rules and their expression language
//   - metaverse: connector spaces, the metaverse and the engine that imports, synchronises
//     and exports
//   - sourceanchor: the value that ties an on-premises object to its cloud object for life
//   - credential: the application identity with which a program signs in
//   - scheduler: run profiles and sync cycles
//   - examples: whole programs to start from
package hybridsync
