package lifecycletest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/credential"
)

// A Secrecy says what a key store guards and where it keeps things.
type Secrecy struct {
	// Texts are passwords, PINs and passphrases of the store.
	Texts []string
	// Folder is searched for keys as well; "" for none.
	Folder string
	// Private returns the private key of a signer, where a test can get at it; nil for keys
	// that do not leave their store.
	Private func(crypto.Signer) *rsa.PrivateKey
}

// Scan goes through the life of an identity on lines that echo every request in their
// errors, and looks through all that was said and stored for what must not be seen:
// secrets, tokens, assertions, proofs, and the bytes of private keys.
func Scan(t *testing.T, stores Stores, s Secrecy) {
	t.Helper()
	ctx := t.Context()
	e := newTenant(t, stores)
	w := &wire{RoundTripper: e.srv.HTTPClient().Transport}
	seen := &said{}
	m := e.manager(credential.Managed, func(o *credential.ManagerOptions) {
		o.HTTPClient = &http.Client{Transport: w}
		o.OnEvent = func(ev credential.Event) { seen.json(ev) }
	})
	e.watched(ctx, m, w, seen)
	guarded := w.secrets()
	require.NotEmpty(t, guarded, "tokens, assertions and proofs were on the wire")
	guarded["client secret"] = e.srv.ClientSecret
	for i, text := range s.Texts {
		guarded[fmt.Sprintf("password %d", i)] = text
	}
	e.privateKeys(ctx, s, guarded)
	seen.text("log", e.log.text.String())
	seen.text("state", e.state.text())
	e.folder(s.Folder, seen)
	seen.free(t, guarded)
}

// watched does everything that an identity goes through, well and badly.
func (e *tenant) watched(ctx context.Context, m *credential.Manager, w *wire, seen *said) {
	t := e.t
	step := func(name string, fails bool, err error) {
		t.Helper()
		require.Equal(t, fails, err != nil, "%s: %v", name, err)
		seen.error(err)
	}
	badly := func(name string, where string, do func() error) {
		t.Helper()
		for _, form := range []string{"json", "text", "lost"} {
			w.disturb(where, form)
			step(name+" "+form, true, do())
			w.disturb("", "")
		}
	}
	badly("setup", "/applications", func() error { return m.Setup(ctx, e.admin(), nil) })
	badly("consent", "appRoleAssignments", func() error { return m.Setup(ctx, e.admin(), nil) })
	step("setup", false, m.Setup(ctx, e.admin(), nil))
	badly("sign-in", "/token", func() error { return e.works(ctx, m.Credential()) })
	badly("rotate", "/addKey", func() error { return m.Rotate(ctx, nil, nil) })
	badly("prove", "/token", func() error { return m.Rotate(ctx, nil, nil) })
	step("rotate", false, m.Rotate(ctx, nil, nil))
	w.disturb("/removeKey", "json")
	step("rotate without removal", false, m.Rotate(ctx, nil, nil))
	w.disturb("", "")
	left, err := m.RemoveRetired(ctx, e.admin())
	step("remove", false, err)
	seen.json(left)
	step("rollback", false, m.Rollback(ctx, e.admin()))
	step("maintain", false, m.Maintain(ctx))
	found, err := m.Preflight(ctx, e.admin())
	step("preflight", false, err)
	seen.json(found)
	st, err := m.Status(ctx)
	step("status", false, err)
	seen.json(st)
	seen.text("status", fmt.Sprintf("%v %+v %#v", st, st, st))
	seen.text("manager", fmt.Sprintf("%v %+v", m, m))
}

// privateKeys adds the numbers of every key that the test can get at.
func (e *tenant) privateKeys(ctx context.Context, s Secrecy, guarded map[string]string) {
	e.t.Helper()
	if s.Private == nil {
		return
	}
	ids, err := e.keys.List(ctx)
	require.NoError(e.t, err)
	require.NotEmpty(e.t, ids)
	for _, id := range ids {
		signer, err := e.keys.Open(ctx, id)
		require.NoError(e.t, err)
		key := s.Private(signer)
		for name, n := range map[string][]byte{"d": key.D.Bytes(), "p": key.Primes[0].Bytes(), "q": key.Primes[1].Bytes()} {
			// A piece from the middle shows in every encoding at any offset.
			guarded[name+" of "+id] = string(n[16:64])
		}
		guarded["decimal d of "+id] = key.D.String()
	}
}

// folder reads every file of a key store.
func (e *tenant) folder(dir string, seen *said) {
	e.t.Helper()
	if dir == "" {
		return
	}
	files := 0
	require.NoError(e.t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		seen.text("file", string(b))
		return err
	}))
	require.Positive(e.t, files)
}

// said collects what was said and stored.
type said struct {
	mu    sync.Mutex // guards texts
	texts []string
}

func (s *said) text(what, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts = append(s.texts, what+": "+text)
}

func (s *said) json(v any) {
	b, err := json.Marshal(v)
	s.text("json", fmt.Sprintf("%s %v", b, err))
}

// error collects an error in every form in which programs print one.
func (s *said) error(err error) {
	if err == nil {
		return
	}
	s.text("error", fmt.Sprintf("%v %+v %#v %q", err, err, err, err))
	s.json(err)
}

// free fails the test if anything guarded is in what was said, plain or encoded.
func (s *said) free(t *testing.T, guarded map[string]string) {
	t.Helper()
	all := strings.Join(s.texts, "\n")
	lower := strings.ToLower(all)
	for name, value := range guarded {
		require.GreaterOrEqual(t, len(value), 4, name)
		require.False(t, strings.Contains(all, value), "%s is shown in %s", name, where(s.texts, value))
		require.False(t, strings.Contains(lower, hex.EncodeToString([]byte(value))), "%s is shown in hexadecimal digits", name)
		for shift := range min(3, len(value)-3) {
			for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
				code := enc.EncodeToString([]byte(value[shift:]))
				code = code[:len(code)/4*4]
				require.False(t, strings.Contains(all, code), "%s is shown in Base64 in %s", name, where(s.texts, code))
			}
		}
	}
}

// where shows the beginning of the text that holds a value.
func where(texts []string, value string) string {
	for _, text := range texts {
		if i := strings.Index(text, value); i >= 0 {
			return text[:min(i, 300)]
		}
	}
	return ""
}

// wire notes what must not be seen, and on demand answers with an error that repeats the
// request, as a proxy in trouble does.
type wire struct {
	http.RoundTripper
	where, form atomic.Value // string; "" for no trouble

	mu   sync.Mutex // guards seen
	seen map[string]string
}

func (w *wire) disturb(where, form string) {
	w.where.Store(where)
	w.form.Store(form)
}

func (w *wire) note(kind, value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		w.seen = map[string]string{}
	}
	if value != "" {
		w.seen[fmt.Sprintf("%s %d", kind, len(w.seen))] = value
	}
}

func (w *wire) secrets() map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		_ = req.Body.Close()
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	w.request(req, body)
	if where, _ := w.where.Load().(string); where != "" && strings.Contains(req.URL.Path, where) {
		return w.trouble(req, body)
	}
	resp, err := w.RoundTripper.RoundTrip(req)
	if err != nil || !strings.HasSuffix(req.URL.Path, "/token") {
		return resp, err
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if json.Unmarshal(answer, &token) == nil {
		w.note("token", token.AccessToken)
	}
	return resp, err
}

// request notes the secrets of a request.
func (w *wire) request(req *http.Request, body []byte) {
	w.note("bearer", strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "))
	if form, err := url.ParseQuery(string(body)); err == nil {
		w.note("assertion", form.Get("client_assertion"))
		w.note("client secret", form.Get("client_secret"))
	}
	var proof struct{ Proof string }
	if json.Unmarshal(body, &proof) == nil {
		w.note("proof", proof.Proof)
	}
}

// trouble repeats the request: in Graph's form, as a page, or in the error of a broken line.
func (w *wire) trouble(req *http.Request, body []byte) (*http.Response, error) {
	echo := fmt.Sprintf("%s %s\nAuthorization: %s\n\n%s", req.Method, req.URL, req.Header.Get("Authorization"), body)
	kind := "text/html"
	switch w.form.Load() {
	case "lost":
		return nil, lost{fmt.Errorf("proxy: cannot forward %s", echo)}
	case "json":
		kind = "application/json"
		b, err := json.Marshal(map[string]any{
			"error": map[string]string{"code": "Request_BadRequest", "message": echo}, "error_description": echo,
		})
		if err != nil {
			return nil, err
		}
		echo = string(b)
	}
	return &http.Response{
		StatusCode: http.StatusBadRequest, Status: "400 Bad Request", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(echo)), Request: req,
	}, nil
}

// lost is an error that the Azure library does not wait out.
type lost struct{ error }

// NonRetriable keeps the Azure library from trying again.
func (lost) NonRetriable() {}
