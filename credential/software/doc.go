// Package software keeps private keys in files, sealed with AES-256-GCM.
//
// # What it protects from
//
// A key in a file can be copied by whoever may read the file and what opens it. Where there
// is a TPM or an HSM, use package tpm or pkcs11. Where there is none, this store keeps keys
// out of backups, off stolen disks and away from other accounts, as well as the secret that
// seals them does:
//
//   - [SystemdCredential]: a credential that systemd decrypts for this service alone
//     (LoadCredentialEncrypted=), bound to the machine and, where there is one, its TPM. The
//     best of the three.
//   - [Passphrase]: a passphrase, stretched by scrypt. As good as the passphrase and the way
//     in which it reaches the program.
//   - [KeyFile]: a random secret in a file that only the owner can read. Whoever copies both
//     files has the keys; [Store.Info] says so.
//
// # Files
//
// The folder has mode 0700, files have 0600 and belong to the running account; others are
// refused with credential.ErrUnsafeFile. A key is written to a temporary file, synced and
// then linked under its name: it is there whole or not at all. A sealed key is bound to its
// id, so that files cannot be exchanged for one another.
//
// # Program
//
//	store, err := software.Open("/var/lib/app/keys", software.SystemdCredential("app-kek"))
package software
