// Package secdesc reads, writes and evaluates the security descriptors of Active
// Directory: who may do what with an object.
//
// # Words
//
// A descriptor names an owner and holds an access control list, the DACL, of access
// control entries, each of which allows or denies rights to one SID. An object entry names
// by GUID what it is about: an attribute, a property set, an extended right or a class of
// children. An entry may be inherited by the objects beneath, all or those of one class.
//
//	d, err := secdesc.Parse(raw) // nTSecurityDescriptor
//	access := d.Evaluate(secdesc.NewToken(sids...), secdesc.Object{SID: sid, Types: secdesc.NewTypes(class, attributes...)})
//	access.Of(attribute).Has(secdesc.WriteProperty)
//
// # Evaluation
//
// [Descriptor.Evaluate] is the algorithm of [MS-ADTS] 5.1.3.3: entries count in the order
// in which they stand, an allowed bit cannot be denied later nor a denied one allowed, and
// entries about a class or a property set hold for the attributes within. Conditional
// entries, whose conditions need claims, grant nothing and are taken to deny.
//
// # Two forms
//
// [Parse] and [Descriptor.Bytes] are the self-relative binary form, [ParseSDDL] and
// [Descriptor.SDDL] the text form that administrators know. Entries of kinds that this
// package does not understand are kept as they are.
//
// All values are plain data; reading them concurrently is safe. The package depends on
// nothing but the standard library.
//
// [MS-ADTS]: https://learn.microsoft.com/openspecs/windows_protocols/ms-adts/
package secdesc
