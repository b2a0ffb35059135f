package story

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// A file with TLS alone holds on the one address that there is. Old versions of TLS are refused; a certificate that is broken
// while the program runs stops no one who comes after it is put right; a stop finishes what is under way.
func TestTLSOnOneAddress(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	e.write("web.yml", "tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n")
	trust := e.certificate(1)
	e.launch("-web.config.file", "web.yml")
	url := "https://" + e.address
	e.eventually("ready", func() error {
		if status, body := ask(trust, "GET", url+"/readyz", "", webhook{}); status != 200 {
			return fmt.Errorf("status %d: %s", status, body)
		}
		return nil
	})
	good := deployed{id: 1, repo: "web", env: "production"}.status(1, "success", newYear)
	if status, body := ask(trust, "POST", url+"/api/github", "", good); status != 202 {
		t.Errorf("a webhook: status %d: %s", status, body)
	}
	e.eventually("/metrics has it", func() error {
		if status, body := ask(trust, "GET", url+"/metrics", "", webhook{}); status != 200 || !strings.Contains(body, "github_deployments_total{") {
			return fmt.Errorf("status %d: %.300s", status, body)
		}
		return nil
	})
	for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c, err := tls.Dial("tcp", e.address, &tls.Config{RootCAs: trust, MinVersion: version, MaxVersion: version})
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			_ = c.Close()
		}
	}
	key := e.read("tls.key")
	e.write("tls.key", "half a key")
	if status, _ := ask(trust, "GET", url+"/healthz", "", webhook{}); status != 0 {
		t.Errorf("without a key: status %d", status)
	}
	e.write("tls.key", key)
	if status, body := ask(trust, "GET", url+"/healthz", "", webhook{}); status != 200 {
		t.Errorf("with the key again: status %d: %s", status, body)
	}

	late := deployed{id: 2, repo: "web", env: "production"}.status(2, "success", newYear)
	c, err := tls.Dial("tcp", e.address, &tls.Config{RootCAs: trust})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n", late.path, len(late.body))
	for name, value := range late.header {
		_, _ = fmt.Fprintf(c, "%s: %s\r\n", name, value)
	}
	_, _ = fmt.Fprint(c, "\r\n")
	answers := bufio.NewReader(c)
	if answer, err := http.ReadResponse(answers, nil); err != nil || answer.StatusCode != http.StatusContinue {
		t.Fatalf("before the body: %v, %v", answer, err) // with it the request is under way
	}
	if err := e.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	e.eventually("no new connection is taken", func() error {
		c, err := net.Dial("tcp", e.address)
		if err == nil {
			_ = c.Close()
			return fmt.Errorf("one is")
		}
		return nil
	})
	_, _ = c.Write([]byte(late.body))
	answer, err := http.ReadResponse(answers, nil)
	if err != nil || answer.StatusCode != http.StatusAccepted {
		t.Errorf("the request that was under way: %v, %v", answer, err)
	}
	<-e.exited
	if code := e.process.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}
