package story

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dora-exporter/internal/testexporter"
)

// password's bcrypt hash, as htpasswd -nBC 4 makes it.
const passwordHash = "$2a$04$CiMBA5do87tEt7xnYUeTieW0u6bTM/RKjH6arV98JmVfbpdbXUUl."

// certificate writes a certificate for 127.0.0.1 with its key, and returns what a client trusts.
func (e *exporter) certificate(serial int64) *x509.CertPool {
	e.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		e.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		e.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		e.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	e.write("tls.crt", string(cert))
	e.write("tls.key", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}

// ask makes one request on a connection of its own and returns the status, 0 when there was no answer, and the body.
func ask(trust *x509.CertPool, method, url, password string, w webhook) (int, string) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: trust},
	}}
	request, err := http.NewRequest(method, url, strings.NewReader(w.body))
	if err != nil {
		return 0, err.Error()
	}
	for name, value := range w.header {
		request.Header.Set(name, value)
	}
	if password != "" {
		request.SetBasicAuth("prometheus", password)
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(body)
}

// TLS holds on both addresses, basic auth on that of the metrics alone: GitHub has a signature and no password.
func TestTLSAndBasicAuth(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	metrics := testexporter.FreeAddress(t)
	e.write("config.yml", strings.Replace(e.read("config.yml"), "server:\n", "server:\n  metrics_listen: "+metrics+"\n", 1))
	e.write("web.yml", "tls_server_config: {cert_file: tls.crt, key_file: tls.key}\nbasic_auth_users: {prometheus: "+passwordHash+"}\n")
	trust := e.certificate(1)
	e.launch("-web.config.file=web.yml")
	d := deployed{id: 1, repo: "web", env: "production", sha: "c0ffee"}
	good := d.status(1, "success", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	nothing := webhook{}
	webhooks, pages := "https://"+e.address, "https://"+metrics
	e.eventually("ready", func() error {
		if status, body := ask(trust, "GET", webhooks+"/readyz", "", nothing); status != 200 {
			return fmt.Errorf("status %d: %s", status, body)
		}
		return nil
	})
	for _, test := range []struct {
		name, method, url, password string
		webhook
		want int
	}{
		{"a signed webhook needs no password", "POST", webhooks + "/api/github", "", good, 202},
		{"a password is no signature", "POST", webhooks + "/api/github", "password", good.with("X-Hub-Signature-256", ""), 401},
		{"no metrics beside the webhooks", "GET", webhooks + "/metrics", "password", nothing, 404},
		{"no page beside the webhooks", "GET", webhooks + "/", "password", nothing, 404},
		{"the webhooks' health needs no password", "GET", webhooks + "/healthz", "", nothing, 200},
		{"metrics without a password", "GET", pages + "/metrics", "", nothing, 401},
		{"metrics with a wrong password", "GET", pages + "/metrics", "guess", nothing, 401},
		{"metrics", "GET", pages + "/metrics", "password", nothing, 200},
		{"the page", "GET", pages + "/", "password", nothing, 200},
		{"the page without a password", "GET", pages + "/", "", nothing, 401},
		{"health beside the metrics", "GET", pages + "/readyz", "password", nothing, 200},
		{"no webhooks beside the metrics", "POST", pages + "/api/github", "password", good, 404},
		{"plain HTTP to the webhooks", "GET", "http://" + e.address + "/healthz", "", nothing, 400},
		{"plain HTTP to the metrics", "GET", "http://" + metrics + "/metrics", "password", nothing, 400},
	} {
		if status, body := ask(trust, test.method, test.url, test.password, test.webhook); status != test.want {
			t.Errorf("%s: status %d, want %d: %s", test.name, status, test.want, body)
		}
	}

	// A renewed certificate is taken without a restart.
	renewed := e.certificate(2)
	for _, url := range []string{webhooks + "/healthz", pages + "/healthz"} {
		if status, body := ask(renewed, "GET", url, "password", nothing); status != 200 {
			t.Errorf("%s with the renewed certificate: status %d: %s", url, status, body)
		}
	}
	e.terminate()
	if strings.Contains(e.log.String(), passwordHash) {
		t.Error("the hash of the password is in the log")
	}
}

func TestWebConfigRefused(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	e.write("users.yml", "basic_auth_users: {prometheus: "+passwordHash+"}\n")
	e.write("rate.yml", "rate_limit: {burst: 1, interval: 1s}\n")
	e.write("header.yml", "http_server_config: {headers: {X-Frame-Options: deny}}\n")
	e.write("key.yml", "tls_server_config: {cert_file: tls.crt, key_file: other.key}\n")
	e.certificate(1)
	e.write("other.key", e.read("tls.key"))
	e.certificate(2)
	e.write("plain.yml", "basic_auth_users: {prometheus: password}\n")
	e.write("typo.yml", "tls_server_konfig: {}\n")
	e.write("cert.yml", "tls_server_config: {cert_file: none.crt, key_file: none.key}\n")
	for file, want := range map[string]string{
		"users.yml": "GitHub would get 401: set server.metrics_listen", "rate.yml": "GitHub would get 429: set server.metrics_listen",
		"header.yml": "http_server_config would also cover the webhooks: set server.metrics_listen", "key.yml": "private key does not match",
		"plain.yml": "bcrypt", "typo.yml": "tls_server_konfig", "cert.yml": "none.crt", "none.yml": "no such file",
	} {
		status, out, errOut := e.runOnce("-web.config.file=" + file)
		if status != 1 || !strings.Contains(errOut, want) || !strings.Contains(errOut, file) || strings.Contains(out+errOut, passwordHash) || strings.Count(errOut, "dora-exporter: ") != 1 {
			t.Errorf("%s: status %d, want 1 and the words %q:\n%s%s", file, status, want, out, errOut)
		}
	}
	if files, err := filepath.Glob(filepath.Join(e.folder, "*.db*")); err != nil || len(files) > 0 {
		t.Errorf("the refused starts left %q, %v", files, err)
	}
}

// The metrics' address may be plain while there is no web.config.file.
func TestMetricsListen(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	metrics := testexporter.FreeAddress(t)
	e.write("config.yml", strings.Replace(e.read("config.yml"), "server:\n", "server:\n  metrics_listen: "+metrics+"\n", 1))
	e.start()
	for url, want := range map[string]int{
		"http://" + metrics + "/metrics": 200, "http://" + metrics + "/": 200, "http://" + metrics + "/healthz": 200,
		"http://" + metrics + "/api/github": 404, "http://" + e.address + "/metrics": 404, "http://" + e.address + "/": 404,
		"http://" + e.address + "/api/github": 405, "http://" + e.address + "/healthz": 200,
	} {
		if status, body := ask(nil, "GET", url, "", webhook{}); status != want {
			t.Errorf("%s: status %d, want %d: %s", url, status, want, body)
		}
	}
	e.terminate()
	e.write("config.yml", strings.Replace(e.read("config.yml"), metrics, e.address, 1))
	if status, _, errOut := e.runOnce(); status != 1 || !strings.Contains(errOut, "server.metrics_listen in the configuration") {
		t.Errorf("the same address twice: status %d, %s", status, errOut)
	}
}
