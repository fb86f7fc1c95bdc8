//go:build pkcs11 && cgo

package pkcs11_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	p11 "github.com/miekg/pkcs11"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/credential/credentialtest"
	"github.com/hybridsync/hybridsync/credential/internal/lifecycletest"
	"github.com/hybridsync/hybridsync/credential/pkcs11"
)

const (
	pin    = "271828"
	tokens = 48
)

// hsm is the software HSM of this test process: its tokens have to exist before the module
// is loaded.
type hsm struct {
	module, problem string
	next            atomic.Int32
}

var theHSM = sync.OnceValue(func() *hsm {
	h := &hsm{}
	tool, err := exec.LookPath("softhsm2-util")
	if err != nil {
		h.problem = "softhsm2-util is not installed (package softhsm2)"
		return h
	}
	for _, f := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"} {
		if _, err := os.Stat(f); err == nil {
			h.module = f
		}
	}
	dir, err := os.MkdirTemp("", "softhsm-*")
	conf := filepath.Join(dir, "conf")
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "tokens"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(conf, []byte("directories.tokendir = "+dir+"/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600)
	}
	if err == nil {
		err = os.Setenv("SOFTHSM2_CONF", conf)
	}
	for i := 0; err == nil && i < tokens; i++ {
		var out []byte
		out, err = exec.Command(tool, "--init-token", "--free", "--label", fmt.Sprintf("t%d", i), "--pin", pin, "--so-pin", "314159").CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
	}
	if err != nil {
		h.problem = err.Error()
	}
	return h
})

func token(t *testing.T) pkcs11.Config {
	t.Helper()
	h := theHSM()
	if h.problem != "" {
		if os.Getenv("HYBRIDSYNC_REQUIRE") == "all" {
			t.Fatal(h.problem)
		}
		t.Skip(h.problem)
	}
	n := h.next.Add(1) - 1
	require.Less(t, n, int32(tokens), "make more tokens")
	return pkcs11.Config{Module: h.module, Token: fmt.Sprintf("t%d", n), PIN: credential.NewSecret(pin)}
}

func stores(t *testing.T) func(*testing.T) credential.KeyStore {
	c := token(t)
	return func(t *testing.T) credential.KeyStore {
		s, err := pkcs11.Open(c)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
}

// one opens a token once: sessions of one process share their login.
func one(t *testing.T) func(*testing.T) credential.KeyStore {
	s := stores(t)(t)
	return func(*testing.T) credential.KeyStore { return s }
}

func TestConformance(t *testing.T) {
	t.Parallel()
	credentialtest.RunKeyStore(t, credentialtest.Harness{New: stores, Export: attack})
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	lifecycletest.Run(t, one)
}

func TestCrash(t *testing.T) {
	t.Parallel()
	lifecycletest.Crash(t, one, 5)
}

func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	lifecycletest.Load(t, one)
}

func TestNothingIsShown(t *testing.T) {
	t.Parallel()
	c := token(t)
	lifecycletest.Scan(t, func(t *testing.T) func(*testing.T) credential.KeyStore {
		s, err := pkcs11.Open(c)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return func(*testing.T) credential.KeyStore { return s }
	}, lifecycletest.Secrecy{Texts: []string{pin}})
}

func TestOpen(t *testing.T) {
	t.Parallel()
	c := token(t)
	_, err := pkcs11.Open(pkcs11.Config{})
	require.Error(t, err)
	_, err = pkcs11.Open(pkcs11.Config{Module: c.Module, Token: "nobody", PIN: c.PIN})
	require.Error(t, err)
	require.NotContains(t, err.Error(), pin)
	s, err := pkcs11.Open(c)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
}

// attack tries to read the private key, to wrap it, and to make it extractable.
func attack(t *testing.T, _ credential.KeyStore, id string) {
	t.Helper()
	ctx := p11.New(theHSM().module)
	require.NotNil(t, ctx)
	defer ctx.Destroy()
	err := ctx.Initialize()
	require.True(t, err == nil || err == p11.Error(p11.CKR_CRYPTOKI_ALREADY_INITIALIZED), "%v", err) //nolint:errorlint // the library's own way
	slots, err := ctx.GetSlotList(true)
	require.NoError(t, err)
	attacked := 0
	for _, slot := range slots {
		session, err := ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION)
		if err == p11.Error(p11.CKR_TOKEN_NOT_RECOGNIZED) { //nolint:errorlint // as above
			continue // the slot for the next new token
		}
		require.NoError(t, err)
		defer func() { _ = ctx.CloseSession(session) }()
		_ = ctx.Login(session, p11.CKU_USER, pin) // or it is logged in already
		require.NoError(t, ctx.FindObjectsInit(session, []*p11.Attribute{
			p11.NewAttribute(p11.CKA_CLASS, p11.CKO_PRIVATE_KEY), p11.NewAttribute(p11.CKA_LABEL, "hybridsync:"+id),
		}))
		found, _, err := ctx.FindObjects(session, 10)
		require.NoError(t, err)
		require.NoError(t, ctx.FindObjectsFinal(session))
		for _, key := range found {
			attacked++
			for _, part := range []uint{p11.CKA_PRIVATE_EXPONENT, p11.CKA_PRIME_1, p11.CKA_PRIME_2} {
				_, err := ctx.GetAttributeValue(session, key, []*p11.Attribute{p11.NewAttribute(part, nil)})
				require.Equal(t, p11.Error(p11.CKR_ATTRIBUTE_SENSITIVE), err)
			}
			wrapping, err := ctx.GenerateKey(session, []*p11.Mechanism{p11.NewMechanism(p11.CKM_AES_KEY_GEN, nil)}, []*p11.Attribute{
				p11.NewAttribute(p11.CKA_TOKEN, false), p11.NewAttribute(p11.CKA_WRAP, true), p11.NewAttribute(p11.CKA_VALUE_LEN, 32),
			})
			require.NoError(t, err)
			_, err = ctx.WrapKey(session, []*p11.Mechanism{p11.NewMechanism(p11.CKM_AES_KEY_WRAP_PAD, nil)}, wrapping, key)
			require.Equal(t, p11.Error(p11.CKR_KEY_UNEXTRACTABLE), err)
			require.Error(t, ctx.SetAttributeValue(session, key, []*p11.Attribute{p11.NewAttribute(p11.CKA_EXTRACTABLE, true)}))
			require.Error(t, ctx.SetAttributeValue(session, key, []*p11.Attribute{p11.NewAttribute(p11.CKA_SENSITIVE, false)}))
			made, err := ctx.GetAttributeValue(session, key, []*p11.Attribute{
				p11.NewAttribute(p11.CKA_NEVER_EXTRACTABLE, nil), p11.NewAttribute(p11.CKA_ALWAYS_SENSITIVE, nil),
				p11.NewAttribute(p11.CKA_DECRYPT, nil), p11.NewAttribute(p11.CKA_UNWRAP, nil),
			})
			require.NoError(t, err)
			require.Equal(t, []byte{1, 1, 0, 0}, []byte{made[0].Value[0], made[1].Value[0], made[2].Value[0], made[3].Value[0]})
		}
	}
	require.Positive(t, attacked)
}
