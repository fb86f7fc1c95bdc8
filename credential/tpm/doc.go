// Package tpm keeps private keys in a TPM 2.0.
//
// # What it protects from
//
// Keys are made inside the TPM with fixedTPM and fixedParent: they cannot be read out,
// duplicated or used on another machine, not even by the operating system's administrator.
// Whoever controls the machine can use them there while it does.
//
// What lies in the folder is the key wrapped by the TPM. Copied elsewhere it is useless; lost,
// the key is lost. Nothing is written into the TPM's own scarce memory.
//
// # Signatures
//
// TPM 2.0 lets the chip choose the salt of RSA-PSS. Most use 32 bytes, as PS256 demands; some
// the longest possible. credential.SelfTest finds that out, and RS256 is used with those.
//
// # Devices
//
// [OpenDevice] opens the kernel's resource manager, /dev/tpmrm0: membership of the group tss
// is enough. Any other way to a TPM, such as a simulator in tests, is a transport.TPMCloser
// of package go-tpm for [New].
//
//	store, err := tpm.OpenDevice("", "/var/lib/app/tpm-keys", nil)
package tpm
