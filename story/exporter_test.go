package story

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dora-exporter/internal/testexporter"
	"dora-exporter/persistence/teststore"
)

// binary is the program, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	if address := os.Getenv(yardstickAt); address != "" {
		fmt.Fprintln(os.Stderr, yardstick(address))
		os.Exit(1)
	}
	parallel := "12"
	if teststore.InPostgres() { // whose server needs processors, too
		parallel = "5"
	}
	os.Exit(testexporter.Run(m, &binary, parallel))
}

const (
	gitHubSecret = "git-hub-secret"
	jiraSecret   = "jira-secret"
)

// exporter is the program in a folder that outlives its processes.
type exporter struct {
	*testing.T
	folder, address string
	// env is given to the processes, as NAME=value.
	env     []string
	process *exec.Cmd
	exited  chan struct{}
	log     testexporter.Buffer
}

// newExporter prepares a folder with a configuration; gitHubURL is where the GitHub API is.
func newExporter(t *testing.T, gitHubURL string) *exporter {
	t.Helper()
	e := &exporter{T: t, folder: t.TempDir(), address: testexporter.FreeAddress(t)}
	e.reserveDatabase()
	_, port, _ := net.SplitHostPort(e.address)
	e.write("config.yml", fmt.Sprintf(`server:
  host: 127.0.0.1
  port: "%s"
github:
  owner: acme
  base_url: %s
  webhook_secret: [old-secret, %s]
jira:
  webhook_secret: %s
teams:
  - name: Platform
    github_repositories: [acme/*]
    jira_projects: [INC]
  - name: Shop
    github_repositories: [Acme/Squash, direct]
`, port, gitHubURL, gitHubSecret, jiraSecret))
	t.Cleanup(func() {
		e.kill()
		if t.Failed() {
			text := e.log.String()
			t.Logf("the exporter said:\n%s", text[max(0, len(text)-20_000):])
		}
	})
	return e
}

func (e *exporter) write(name, text string) {
	e.Helper()
	if err := os.WriteFile(filepath.Join(e.folder, name), []byte(text), 0o600); err != nil {
		e.Fatal(err)
	}
}

func (e *exporter) read(name string) string {
	e.Helper()
	data, err := os.ReadFile(filepath.Join(e.folder, name))
	if err != nil {
		e.Fatal(err)
	}
	return string(data)
}

// start starts a process and waits until it is ready.
func (e *exporter) start(args ...string) {
	e.Helper()
	e.launch(args...)
	e.eventually("the exporter is ready", func() error {
		select {
		case <-e.exited:
			e.Fatal("the exporter has exited")
		default:
		}
		status, body := e.get("/readyz")
		if status != 200 {
			return fmt.Errorf("status %d: %s", status, body)
		}
		return nil
	})
}

func (e *exporter) launch(args ...string) {
	e.Helper()
	e.begin(exec.Command(binary, args...))
}

// launchUnder starts a process from a shell that first sets a limit.
func (e *exporter) launchUnder(limit string) {
	e.Helper()
	e.begin(exec.Command("sh", "-c", limit+` && exec "$0"`, binary))
}

func (e *exporter) begin(c *exec.Cmd) {
	e.Helper()
	e.configureDatabase()
	e.process = c
	e.process.Dir, e.process.Stdout, e.process.Stderr = e.folder, &e.log, &e.log
	e.process.Env = append([]string{"HOME=" + e.folder}, e.env...)
	if err := e.process.Start(); err != nil {
		e.Fatal(err)
	}
	exited := make(chan struct{})
	e.exited = exited
	go func(p *exec.Cmd) {
		_ = p.Wait()
		close(exited)
	}(e.process)
}

// kill ends the process as kill -9 does.
func (e *exporter) kill() {
	if e.process != nil {
		_ = e.process.Process.Signal(syscall.SIGKILL)
		<-e.exited
	}
}

// terminate ends the process as an operator does; it must end in order within ten seconds.
func (e *exporter) terminate() {
	e.Helper()
	if err := e.process.Process.Signal(syscall.SIGTERM); err != nil {
		e.Fatal(err)
	}
	select {
	case <-e.exited:
	case <-time.After(10 * time.Second):
		e.Fatal("SIGTERM: still running after 10 s")
	}
	if code := e.process.ProcessState.ExitCode(); code != 0 {
		e.Errorf("SIGTERM: exit status %d", code)
	}
}

// eventually polls until f returns no error.
func (e *exporter) eventually(what string, f func() error) {
	e.Helper()
	testexporter.Eventually(e.T, what, f)
}

// remains checks that f returns no error for a while.
func (e *exporter) remains(what string, d time.Duration, f func() error) {
	e.Helper()
	testexporter.Remains(e.T, what, d, f)
}

// runOnce runs the program until it ends by itself.
func (e *exporter) runOnce(args ...string) (status int, stdout, stderr string) {
	e.Helper()
	e.configureDatabase()
	ctx, cancel := context.WithTimeout(e.Context(), testexporter.Patience)
	defer cancel()
	var out, errOut strings.Builder
	c := exec.CommandContext(ctx, binary, args...)
	c.Dir, c.Stdout, c.Stderr, c.Env = e.folder, &out, &errOut, append([]string{"HOME=" + e.folder}, e.env...)
	_ = c.Run()
	return c.ProcessState.ExitCode(), out.String(), errOut.String()
}
