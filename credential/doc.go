// Package credential is the application identity with which a program signs in to
// Microsoft Entra ID: secrets that do not print, and token credentials made of a
// certificate or a client secret.
//
// # Words
//
// An application identity is a tenant, a client id, and something that proves that the
// program may use it. A certificate is the proper proof: the private key never travels. A
// client secret is for tests and for what cannot do better.
//
// # Program
//
//	cred, err := credential.FromCertificate(credential.Identity{
//		TenantID: "…", ClientID: "…",
//	}, "app.pem", nil, nil)
//
// The result is an azcore.TokenCredential, which package connector/entra and Microsoft's
// own libraries take.
//
// # Errors and concurrency
//
// No error text and no log record contains a secret, a key or a token. Credentials are safe
// for concurrent use and cache their tokens.
package credential
