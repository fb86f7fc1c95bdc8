// Package pkcs11 keeps private keys in a hardware security module, through its PKCS #11
// module (a shared library of the vendor's).
//
// # Building
//
// The package needs cgo and loads a shared library while it runs, so it is compiled only with
// the build tag pkcs11:
//
//	go build -tags pkcs11 ./...
//
// Without the tag it is this comment and [ErrNotCompiled].
//
// # Keys
//
// Keys are made in the token: RSA 2048, CKA_TOKEN, CKA_SENSITIVE, not CKA_EXTRACTABLE, allowed
// to sign and nothing else. CKA_LABEL is "hybridsync:" and the key's id, CKA_ID the id. Keys
// with other labels are not touched. Two processes that create the same id at the same moment
// may both succeed, since PKCS #11 knows no uniqueness; the lease of credential.Manager keeps
// them apart.
//
// # Processes
//
// A module has one login for the whole process: open one [Store] for each module, and close
// it. While another store of the same module is logged in, a wrong PIN is not noticed.
//
//	store, err := pkcs11.Open(pkcs11.Config{
//		Module: "/usr/lib/softhsm/libsofthsm2.so", Token: "sync", PIN: pin,
//	})
package pkcs11
