// Package attr holds the values that travel through a sync: attribute values, the
// attribute sets of one object, and case-insensitive attribute names.
//
// It is a leaf. Connectors, rules and the metaverse all speak in its types, so that no
// layer has to translate the data of another.
//
// # Values
//
// A [Value] is one of five kinds, the only ones that Microsoft Entra Connect's metaverse
// stores: string, integer, boolean, binary and reference. It is a small comparable struct:
// it can be a map key, it can be compared with ==, and copying it never copies the data.
// There is no date kind; directories keep dates as strings or integers, and so do we.
//
// A reference names another object of the same connected directory, by DN or by anchor as
// the connector declares. Its text has no meaning outside that directory.
//
// # Sets
//
// A [Set] maps attribute names to one or more values. Names are compared without regard to
// ASCII case, as directories do, and keep the spelling of the first writer. An attribute
// without values does not exist: putting no values removes the name. Iteration is in name
// order, so that output never depends on the order of insertion.
//
// # Privacy
//
// Values are personal data. String and LogValue therefore tell kind and size only; ask
// [Value.Text] for the content where it is meant to be shown.
//
// # Concurrency
//
// Values are immutable and safe to share. A Set is not safe for concurrent use while one
// of the users writes to it.
package attr
