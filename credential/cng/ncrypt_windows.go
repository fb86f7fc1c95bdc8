package cng

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	ncrypt             = windows.NewLazySystemDLL("ncrypt.dll")
	openProvider       = ncrypt.NewProc("NCryptOpenStorageProvider")
	createPersistedKey = ncrypt.NewProc("NCryptCreatePersistedKey")
	setProperty        = ncrypt.NewProc("NCryptSetProperty")
	getProperty        = ncrypt.NewProc("NCryptGetProperty")
	finalizeKey        = ncrypt.NewProc("NCryptFinalizeKey")
	openKey            = ncrypt.NewProc("NCryptOpenKey")
	deleteKey          = ncrypt.NewProc("NCryptDeleteKey")
	enumKeys           = ncrypt.NewProc("NCryptEnumKeys")
	exportKey          = ncrypt.NewProc("NCryptExportKey")
	signHash           = ncrypt.NewProc("NCryptSignHash")
	freeObject         = ncrypt.NewProc("NCryptFreeObject")
	freeBuffer         = ncrypt.NewProc("NCryptFreeBuffer")
)

// handle is an NCRYPT_HANDLE: of a provider or a key.
type handle uintptr

// status is a SECURITY_STATUS that says what went wrong.
type status uint32

// The statuses that are told apart (winerror.h).
const (
	nteNoKey       status = 0x8009000D
	nteExists      status = 0x8009000F
	nteNotFound    status = 0x80090011
	nteBadKeyset   status = 0x80090016
	nteNoMoreItems status = 0x8009002A
)

// Error says it in the words of Windows, where it has any.
func (s status) Error() string {
	return fmt.Sprintf("%s (0x%08X)", windows.Errno(s).Error(), uint32(s))
}

// Flags and names of ncrypt.h and bcrypt.h.
const (
	silentFlag  = 0x40 // no dialogue: nobody is there to answer
	machineFlag = 0x20

	padPKCS1 = 2
	padPSS   = 8

	propertyLength       = "Length"
	propertyExportPolicy = "Export Policy"
	propertyUsage        = "Key Usage"
	propertyImplType     = "Impl Type"

	usageSigning     = 2
	implTypeHardware = 1
	exportAny        = 1 | 2 // wrapped, or in plain text

	publicBlob = "RSAPUBLICBLOB"
)

// call calls a procedure whose result is a status.
func call(p *windows.LazyProc, args ...uintptr) error {
	if err := p.Find(); err != nil {
		return err
	}
	r, _, _ := p.Call(args...)
	if s := status(uint32(r)); s != 0 {
		return s
	}
	return nil
}

// wide returns a text as Windows takes it. The texts here have no zero bytes.
func wide(text string) *uint16 {
	p, err := windows.UTF16PtrFromString(text)
	if err != nil {
		panic(err)
	}
	return p
}

func (h handle) close() {
	if h != 0 {
		_ = call(freeObject, uintptr(h))
	}
}

func openStorageProvider(name string) (h handle, err error) {
	n := wide(name)
	err = call(openProvider, uintptr(unsafe.Pointer(&h)), uintptr(unsafe.Pointer(n)), 0)
	runtime.KeepAlive(n)
	return h, err
}

// number reads a property that is a 32-bit number.
func (h handle) number(property string) (value uint32, err error) {
	var n uint32
	p := wide(property)
	err = call(getProperty, uintptr(h), uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(&value)),
		unsafe.Sizeof(value), uintptr(unsafe.Pointer(&n)), 0)
	runtime.KeepAlive(p)
	return value, err
}

func (h handle) setNumber(property string, value uint32) error {
	p := wide(property)
	err := call(setProperty, uintptr(h), uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(&value)), unsafe.Sizeof(value), 0)
	runtime.KeepAlive(p)
	return err
}

// create makes an RSA key of 2048 bits that signs and cannot be exported.
func (h handle) create(name string, flags uint32) (key handle, err error) {
	alg, n := wide("RSA"), wide(name)
	err = call(createPersistedKey, uintptr(h), uintptr(unsafe.Pointer(&key)), uintptr(unsafe.Pointer(alg)),
		uintptr(unsafe.Pointer(n)), 0, uintptr(flags))
	runtime.KeepAlive(alg)
	runtime.KeepAlive(n)
	if err != nil {
		return 0, err
	}
	for _, p := range []struct {
		name  string
		value uint32
	}{{propertyLength, 2048}, {propertyExportPolicy, 0}, {propertyUsage, usageSigning}} {
		if err := key.setNumber(p.name, p.value); err != nil {
			key.close()
			return 0, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if err := call(finalizeKey, uintptr(key), silentFlag); err != nil {
		key.close()
		return 0, err
	}
	return key, nil
}

func (h handle) open(name string, flags uint32) (key handle, err error) {
	n := wide(name)
	err = call(openKey, uintptr(h), uintptr(unsafe.Pointer(&key)), uintptr(unsafe.Pointer(n)), 0, uintptr(flags|silentFlag))
	runtime.KeepAlive(n)
	return key, err
}

// names lists the names of a provider's keys.
func (h handle) names(flags uint32) (names []string, err error) {
	type keyName struct {
		name, alg   *uint16
		spec, flags uint32
	}
	var state uintptr
	defer func() {
		if state != 0 {
			_ = call(freeBuffer, state)
		}
	}()
	for {
		var k *keyName
		err := call(enumKeys, uintptr(h), 0, uintptr(unsafe.Pointer(&k)), uintptr(unsafe.Pointer(&state)), uintptr(flags|silentFlag))
		if err == nteNoMoreItems { //nolint:errorlint // the status itself, unwrapped
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		names = append(names, windows.UTF16PtrToString(k.name))
		_ = call(freeBuffer, uintptr(unsafe.Pointer(k)))
	}
}

// export returns the public key.
func (h handle) export() ([]byte, error) {
	kind := wide(publicBlob)
	defer runtime.KeepAlive(kind)
	var n uint32
	if err := call(exportKey, uintptr(h), 0, uintptr(unsafe.Pointer(kind)), 0, 0, 0, uintptr(unsafe.Pointer(&n)), 0); err != nil {
		return nil, err
	}
	blob := make([]byte, n)
	if n == 0 {
		return nil, errBlob
	}
	err := call(exportKey, uintptr(h), 0, uintptr(unsafe.Pointer(kind)), 0, uintptr(unsafe.Pointer(&blob[0])), uintptr(n), uintptr(unsafe.Pointer(&n)), 0)
	return blob[:min(int(n), len(blob))], err
}

// sign signs a SHA-256 digest: PSS with a salt of that many bytes, or PKCS #1 v1.5 with a
// negative one.
func (h handle) sign(digest []byte, salt int) ([]byte, error) {
	padding := struct {
		alg  *uint16
		salt uint32
	}{alg: wide("SHA256")}
	flags := uint32(padPKCS1) // its structure is the first field alone
	if salt >= 0 {
		flags, padding.salt = padPSS, uint32(salt)
	}
	defer runtime.KeepAlive(&padding)
	var n uint32
	args := func(out uintptr, size uint32) []uintptr {
		return []uintptr{uintptr(h), uintptr(unsafe.Pointer(&padding)), uintptr(unsafe.Pointer(&digest[0])), uintptr(len(digest)),
			out, uintptr(size), uintptr(unsafe.Pointer(&n)), uintptr(flags | silentFlag)}
	}
	if err := call(signHash, args(0, 0)...); err != nil {
		return nil, err
	}
	signature := make([]byte, max(n, 1))
	err := call(signHash, args(uintptr(unsafe.Pointer(&signature[0])), n)...)
	return signature[:min(int(n), len(signature))], err
}
