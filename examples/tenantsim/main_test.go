package main_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binary builds the program once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tenantsim-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "tenantsim")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		_, _ = os.Stderr.Write(out)
	}
	return path, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// sim is a running program and a client of it.
type sim struct {
	t      *testing.T
	cmd    *exec.Cmd
	rest   *bufio.Reader
	stderr *bytes.Buffer
	line   map[string]string
	http   *http.Client
	token  string
}

func start(t *testing.T, args ...string) *sim {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	s := &sim{t: t, stderr: new(bytes.Buffer)}
	s.cmd = exec.Command(path, append([]string{"-listen", "127.0.0.1:0"}, args...)...)
	s.cmd.Stderr = s.stderr
	out, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	s.rest = bufio.NewReader(out)
	first, err := s.rest.ReadBytes('\n')
	require.NoError(t, err, "stderr: %s", s.stderr)
	require.NoError(t, json.Unmarshal(first, &s.line))
	for _, key := range []string{"graph", "authority", "tenant", "client_id", "client_secret", "ca_file"} {
		require.NotEmpty(t, s.line[key], key)
	}
	require.True(t, strings.HasSuffix(s.line["graph"], "/v1.0"))
	ca, err := os.ReadFile(s.line["ca_file"])
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(ca))
	s.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	t.Cleanup(s.http.CloseIdleConnections)
	s.signIn()
	return s
}

func (s *sim) signIn() {
	s.t.Helper()
	res, err := s.http.PostForm(s.line["authority"]+"/"+s.line["tenant"]+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {s.line["client_id"]}, "client_secret": {s.line["client_secret"]},
		"scope": {"https://graph.microsoft.com/.default"},
	})
	require.NoError(s.t, err)
	defer func() { _ = res.Body.Close() }()
	var body struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(s.t, json.NewDecoder(res.Body).Decode(&body))
	require.Equal(s.t, http.StatusOK, res.StatusCode)
	s.token = body.AccessToken
}

func (s *sim) do(method, path, body string) (int, map[string]any) {
	s.t.Helper()
	if !strings.HasPrefix(path, "https://") {
		path = s.line["graph"] + path
	}
	req, err := http.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	require.NoError(s.t, err)
	req.Header.Set("Authorization", "Bearer "+s.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := s.http.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	var out map[string]any
	_ = json.Unmarshal(raw, &out)
	return res.StatusCode, out
}

// stop interrupts the program and returns what it printed at its end.
func (s *sim) stop(sig os.Signal) string {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(sig))
	kill := time.AfterFunc(2*time.Minute, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	rest, err := io.ReadAll(s.rest)
	require.NoError(s.t, err)
	require.NoError(s.t, s.cmd.Wait(), "stderr: %s", s.stderr)
	return string(rest)
}

func TestServesATenant(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state.json")
	s := start(t, "-users", "25", "-groups", "2", "-state", state, "-dump")
	status, body := s.do("GET", "/users?$top=20&$select=id,mail", "")
	require.Equal(t, http.StatusOK, status)
	require.Len(t, body["value"], 20)
	_, body = s.do("GET", body["@odata.nextLink"].(string), "")
	require.Len(t, body["value"], 5)

	_, body = s.do("GET", "/users/delta?$select=displayName", "")
	link := body["@odata.deltaLink"].(string)
	status, created := s.do("POST", "/users", `{"accountEnabled":true,"displayName":"New","mailNickname":"new","userPrincipalName":"new@fabrikam.com","passwordProfile":{"password":"xWwvJ]6NMw+bWH-d"}}`)
	require.Equal(t, http.StatusCreated, status)
	_, body = s.do("GET", link, "")
	require.Equal(t, []any{map[string]any{"id": created["id"], "displayName": "New"}}, body["value"])
	status, _ = s.do("GET", "/nonsense", "")
	require.Equal(t, http.StatusBadRequest, status)

	ca := s.line["ca_file"]
	require.Contains(t, s.stop(os.Interrupt), `"new@fabrikam.com"`, "-dump prints the directory")
	require.Contains(t, s.stderr.String(), "refused: GET /nonsense")
	require.NoFileExists(t, ca, "the temporary certificate file is removed")

	own := filepath.Join(t.TempDir(), "ca.pem")
	again := start(t, "-state", state, "-ca-file", own)
	require.Equal(t, own, again.line["ca_file"])
	require.Equal(t, s.line["tenant"], again.line["tenant"])
	_, body = again.do("GET", "/users/new@fabrikam.com", "")
	require.Equal(t, created["id"], body["id"], "the state outlives the program")
	again.stop(syscall.SIGTERM)
}

func TestThrottles(t *testing.T) {
	t.Parallel()
	s := start(t, "-throttle", "0.001", "-domains", "example.test") // three writes in 150 seconds
	last := 0
	for i := range 4 {
		last, _ = s.do("POST", "/groups", `{"displayName":"g","mailEnabled":false,"mailNickname":"g`+string(rune('a'+i))+`","securityEnabled":true}`)
	}
	require.Equal(t, http.StatusTooManyRequests, last)
	s.stop(os.Interrupt)
}

func TestDelaysAndLimits(t *testing.T) {
	t.Parallel()
	s := start(t, "-replication-delay", "1h", "-quota", "3") // two of them are the client's own application
	body := `{"displayName":"g","mailEnabled":false,"mailNickname":"g","securityEnabled":true}`
	status, created := s.do("POST", "/groups", body)
	for ; status == http.StatusCreated; status, _ = s.do("POST", "/groups", body) {
		again, _ := s.do("GET", "/groups/"+created["id"].(string), "")
		require.Equal(t, http.StatusNotFound, again, "not replicated yet")
	}
	require.Equal(t, http.StatusForbidden, status, "the directory is full")
	s.stop(os.Interrupt)
}

func TestRefusesBadArguments(t *testing.T) {
	t.Parallel()
	path, err := binary()
	require.NoError(t, err)
	for _, args := range [][]string{{"-listen", "0.0.0.0:0"}, {"-users", "-1"}, {"-fail-rate", "2"}, {"-quota", "-1"}, {"-replication-delay", "-1s"}, {"extra"}, {"-nonsense"}, {"-state", t.TempDir()}, {"-domains", ""}} {
		out, err := exec.Command(path, args...).CombinedOutput()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, "%v", args)
		require.Equal(t, 1, exit.ExitCode(), "%v: %s", args, out)
		require.Contains(t, string(out), "tenantsim:", "%v", args)
	}
}
