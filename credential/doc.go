// Package credential is the application identity with which a program signs in to
// Microsoft Entra ID: keys that need not leave a TPM or HSM, certificates that rotate without
// an outage, secrets that do not print.
//
// # Words
//
// An application identity is a tenant, an application with its client id, and something that
// proves that the program may use it. The proper proof is a certificate: the application in
// Entra ID holds the public part, a key credential; the program holds the private key and
// signs, at each sign-in, a short statement called a client assertion. The private key never
// travels. A client secret, a password for programs, does travel and is for tests.
//
// The application is the description of the program; its service principal is the account
// that holds permissions in one tenant. A proof of possession is a statement signed by a
// valid key with which an application may add and remove its own key credentials, without
// any permission.
//
// # Three sizes
//
// The smallest: a certificate in a file, read once.
//
//	cred, err := credential.FromCertificate(credential.Identity{
//		TenantID: "…", ClientID: "…",
//	}, "app.pem", nil, nil)
//
// The middle: a key of one's own, of any kind, exchanged while in use: [NewSignerCredential]
// takes every [crypto.Signer]. The Azure library takes none but RSA keys in memory.
//
// The whole: a [Manager] sets the identity up, rotates it, goes back, revokes, removes. Its
// modes are those of Entra Connect: [Managed], where the library makes everything,
// [BringYourOwnCertificate] and [BringYourOwnApplication]; and [ClientSecret], to start from.
//
// All three give an azcore.TokenCredential, which package connector/entra and Microsoft's own
// libraries take.
//
// # How a rotation goes
//
// Make a key in the [KeyStore]. Make its certificate. Add it to the application, with a proof
// of possession of the current key. Get a token with it from an empty cache, patiently: the
// token service may take minutes to learn of a new key. Only then switch. After an overlap
// remove the old key credential; if that fails, say so with its key id and try again.
//
// Each step is stored before it is done and can be done again: a process that dies anywhere
// is continued by the next one. Servers that share a [StateStore] take a lease, so that
// one rotates and the others learn of it at their next sign-in. Tokens that were issued stay
// valid, so nobody notices.
//
// Rotation is due when 70 % of the life of a certificate is used, and 150 days before the end
// of one that lives for 300 days or longer ([RotationPolicy]). [Manager.Run] sees to it.
//
// # When everything has expired
//
// An application can change its keys only with a valid one. When the last one has expired or
// was revoked, GetToken fails, [Manager.Maintain] returns [ErrExpired] or [ErrRevoked] and
// raises event 1012, and nothing happens by itself any more. An administrator signs in and
// calls [Manager.Rotate] with that credential: a new key is written into the application with
// the administrator's rights. Application, permissions and everything that was synchronised
// stay as they are.
//
// # What an administrator hears
//
// [Event]s, logged and given to a callback, with the numbers that Entra Connect uses: 1011
// rotation is due, 1012 expired, 1014 no hardware protects the key; and others, such as an
// old key credential that could not be removed, or rotation that is suspended while it is
// due. Use of the credential itself raises the alarm when maintenance does not run.
// [Manager.Preflight] reports all of it on demand, [Manager.Status] shows the certificate.
//
// # Key stores
//
// Package software keeps keys in sealed files, package tpm in a TPM 2.0, package pkcs11 in an
// HSM, package cng in Windows, whose certificate store it reads as well. Whoever does not import them does not compile them. For one's own, package
// credentialtest has the suite.
//
// # Errors, secrets and concurrency
//
// Conditions are sentinel errors, such as [ErrNeedsAdministrator]; refusals of Microsoft Graph
// are [*GraphError]. No error text, no log record and no stored state contains a secret, a
// key, an assertion or a token, not even where a server repeats them in its answer; the errors
// of the Azure library further down the chain are as that library made them. Everything is
// safe for concurrent use.
//
// # Testing
//
// Package connector/entra/entratest is a tenant on loopback with a strict token service: give
// its address as Authority and GraphURL, and its client in Options. Its clock in Options.Clock
// lets ninety days pass at once.
package credential
