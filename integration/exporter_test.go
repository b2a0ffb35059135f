package integration

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dora-exporter/demo"
	"dora-exporter/internal/testexporter"
)

const secret = "integration"

// binary is the exporter, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	os.Exit(testexporter.Run(m, &binary, "6"))
}

// exporter is a running exporter. Its folder outlives its process.
type exporter struct {
	folder, address string
	process         *exec.Cmd
	output          testexporter.Buffer
}

// newExporter prepares a folder; githubURL is where the GitHub API is.
func newExporter(t *testing.T, githubURL string) *exporter {
	t.Helper()
	e := &exporter{folder: t.TempDir(), address: testexporter.FreeAddress(t)}
	_, port, _ := net.SplitHostPort(e.address)
	e.setConfig(t, fmt.Sprintf(`server: {host: 127.0.0.1, port: %s}
github: {base_url: %q, webhook_secret: %s}
jira: {webhook_secret: %s}
teams:
  - name: Platform
    github_repositories: [acme/*]
    jira_projects: [INC]
`, port, githubURL, secret, secret))
	t.Cleanup(func() {
		e.kill()
		if t.Failed() {
			t.Logf("the exporter said:\n%s", e.output.String())
		}
	})
	return e
}

func (e *exporter) config(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.folder, "config.yml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (e *exporter) setConfig(t testing.TB, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(e.folder, "config.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// configure adds to the configuration.
func (e *exporter) configure(t *testing.T, more string) {
	t.Helper()
	e.setConfig(t, e.config(t)+more)
}

// start starts the process and waits until it is ready.
func (e *exporter) start(t *testing.T) {
	t.Helper()
	e.run(t, binary)
	e.waitUntilReady(t)
}

func (e *exporter) waitUntilReady(t testing.TB) {
	t.Helper()
	eventually(t, "the exporter is ready", func() error {
		_, err := get("http://" + e.address + "/readyz")
		return err
	})
}

// run starts a command in the exporter's folder, in a process group of its own.
func (e *exporter) run(t testing.TB, name string, arguments ...string) {
	t.Helper()
	e.process = exec.Command(name, arguments...)
	e.process.Dir, e.process.Stdout, e.process.Stderr = e.folder, &e.output, &e.output
	e.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := e.process.Start(); err != nil {
		t.Fatal(err)
	}
}

// kill ends the process as kill -9 does.
func (e *exporter) kill() {
	if e.process != nil && e.process.ProcessState == nil {
		_ = syscall.Kill(-e.process.Process.Pid, syscall.SIGKILL) // with what traces it
		_ = e.process.Wait()
	}
}

// send posts a signed GitHub event, which must be taken.
func (e *exporter) send(t *testing.T, event, body string) {
	t.Helper()
	if code, err := e.post(event, body); code != http.StatusAccepted {
		t.Fatalf("%s: status %d, %v", event, code, err)
	}
}

// request makes a signed GitHub event.
func (e *exporter) request(event, body string) *http.Request {
	request, err := http.NewRequest(http.MethodPost, "http://"+e.address+"/api/github", strings.NewReader(body))
	if err != nil {
		panic(err) // the address is right
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-GitHub-Event", event)
	request.Header.Set("X-Hub-Signature-256", demo.Sign(secret, []byte(body)))
	return request
}

// post posts a signed GitHub event and returns the status of the answer.
func (e *exporter) post(event, body string) (int, error) {
	answer, err := http.DefaultClient.Do(e.request(event, body))
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// deployment and status are GitHub's events about acme/web in production.
func deployment(id int) string {
	return fmt.Sprintf(`{"action":"created","deployment":%s,"repository":%s}`, deploymentJSON(id), repositoryJSON)
}

func status(id, deployment int, state string) string {
	return fmt.Sprintf(`{"action":"created","deployment_status":{"id":%d,"state":%q,"created_at":"2026-03-02T10:00:00Z"},"deployment":%s,"repository":%s}`,
		id, state, deploymentJSON(deployment), repositoryJSON)
}

func deploymentJSON(id int) string {
	return fmt.Sprintf(`{"id":%d,"sha":"c0ffee","ref":"main","environment":"production","created_at":"2026-03-02T09:55:00Z"}`, id)
}

const repositoryJSON = `{"name":"web","full_name":"acme/web","owner":{"login":"acme"},"default_branch":"main","url":"https://api.github.com/repos/acme/web"}`

func get(url string) (string, error) {
	answer, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: status %d: %s", url, answer.StatusCode, body)
	}
	return string(body), err
}

// eventually polls until f returns no error.
func eventually(t testing.TB, what string, f func() error) {
	t.Helper()
	testexporter.Eventually(t, what, f)
}
