// Package cng keeps private keys in Windows: in a TPM or, where there is none, in the
// operating system's software store, through CNG, the key interface of Windows; and it finds
// the keys of certificates that an administrator put into the certificate store.
//
// # Keys that are made here
//
// [Open] takes the TPM ("Microsoft Platform Crypto Provider") if the machine has one, and the
// software store of Windows otherwise; [Options.Provider] names another one, such as that of
// an HSM. Keys are RSA keys of 2048 bits that sign and do nothing else, and that Windows does
// not export. They belong to the user that the process runs as, or to the machine
// ([Options.Machine]), and are named "hybridsync-" and the key's id.
//
// # Certificates that are there already
//
// For the modes in which an administrator brings the certificate, its key is opened by the
// SHA-256 hash of the certificate, 64 lower-case hexadecimal digits, in place of an id:
//
//	store, err := cng.Open(&cng.Options{Machine: true})
//	cert, err := store.Certificate(ctx, hash)
//	err = manager.Setup(ctx, nil, &credential.Provided{Certificate: cert, KeyID: hash})
//
// Such keys must not be exportable. They are never deleted, nor listed.
//
// # What has been run
//
// The package is compiled for Windows with every change. Under Wine, making keys, public
// parts, signatures (PS256) and the certificate store were run; Wine lacks opening, listing
// and deleting keys by name, TPMs, and keys of certificates, so these have not been run.
// `go test ./credential/cng` on Windows runs the conformance suite.
//
// # Other systems
//
// Elsewhere the package compiles and [Open] fails with [ErrNotWindows].
package cng

import "errors"

// ErrNotWindows says that the program does not run on Windows.
var ErrNotWindows = errors.New("cng: keys of Windows are there on Windows only")

// Providers of Windows itself, for [Options.Provider].
const (
	TPM      = "Microsoft Platform Crypto Provider"
	Software = "Microsoft Software Key Storage Provider"
)

// Options adjust a [Store]. The zero value, or nil, is good.
type Options struct {
	// Provider is the CNG key storage provider. "" means the TPM or, where there is none,
	// the software store.
	Provider string
	// Machine says that keys belong to the machine instead of the user, and that
	// certificates are in the machine's store. The account that signs needs read access to
	// the key.
	Machine bool
}
