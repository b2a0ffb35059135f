package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"dora-exporter/demo"
	"dora-exporter/internal/process"
)

// secrets sign the webhooks. They need not be secret: the exporter only listens on this machine.
var secrets = demo.Secrets{GitHub: "demo", Jira: "demo"}

// api is the running stand-in for GitHub.
type api struct {
	*http.Server

	address string
}

func serve(ctx context.Context, repositories []*demo.Repository) (*api, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve the stand-in for GitHub: %w", err)
	}
	a := &api{&http.Server{Handler: demo.NewGitHub(repositories...), ReadHeaderTimeout: time.Minute}, l.Addr().String()}
	go func() { _ = a.Serve(l) }() // until it is closed
	return a, nil
}

// exporter is the running program.
type exporter struct {
	process.Exporter

	url string
}

// configuration returns the exporter's configuration: the address of the stand-in, the teams, all causes of failure, and short waits.
func configuration(port int, github string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `server: {host: 127.0.0.1, port: %d}
github: {base_url: "http://%s", token: demo, webhook_secret: %s}
jira: {webhook_secret: %s}
deployments: {settle: 1s}
failures:
  incident_window: 2h
  hotfix: {branches: ["hotfix/*"]}
teams:
`, port, github, secrets.GitHub, secrets.Jira)
	for _, t := range demo.Teams {
		fmt.Fprintf(&b, "  - {name: %s, github_repositories: [acme/%s], jira_projects: [%s]}\n", t.Name, strings.Join(t.Repositories, ", acme/"), t.Project)
	}
	return b.String()
}

// start starts the program and waits until it is ready.
func start(ctx context.Context, o options, github string) (*exporter, error) {
	program, err := filepath.Abs(o.exporter)
	if err != nil {
		return nil, fmt.Errorf("find the exporter: %w", err)
	}
	e := &exporter{process.Exporter{Program: program, Folder: o.folder}, fmt.Sprintf("http://127.0.0.1:%d", o.port)}
	if err := os.WriteFile(filepath.Join(o.folder, "config.yml"), []byte(configuration(o.port, github)), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	if err := e.Launch(ctx, os.Stderr); err != nil {
		return nil, err
	}
	if err := e.until(ctx, "is ready", "/readyz", func(string) bool { return true }); err != nil {
		return nil, errors.Join(err, e.stop())
	}
	return e, nil
}

// stop ends the program with SIGTERM.
func (e *exporter) stop() error {
	_ = e.Server.Process.Signal(syscall.SIGTERM) // it may have ended
	<-e.Exited
	if code := e.Server.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("the exporter's exit status is %d; its log is above", code)
	}
	return nil
}

// replay sends the events within a duration, at distances in proportion to their times.
func (e *exporter) replay(ctx context.Context, events []demo.Event, in time.Duration) error {
	if len(events) == 0 { // on a weekend
		return nil
	}
	began, first := time.Now(), events[0].At
	span := events[len(events)-1].At.Sub(first)
	for _, event := range events {
		due := began.Add(time.Duration(float64(in) * float64(event.At.Sub(first)) / float64(span)))
		if err := e.wait(ctx, time.Until(due)); err != nil {
			return err
		}
		q, err := event.Webhook.Request(ctx, e.url)
		if err != nil {
			return err
		}
		if _, err := do(q, http.StatusAccepted); err != nil {
			return err
		}
	}
	return nil
}

// waitUntilCounted waits until nothing waits to be processed, looked up or evaluated.
func (e *exporter) waitUntilCounted(ctx context.Context) error {
	return e.until(ctx, "has counted everything", "/metrics", func(text string) bool {
		for _, waiting := range []string{"backlog", "github_lookups_waiting", "evaluations_waiting"} {
			if !strings.Contains(text, "\ndora_exporter_"+waiting+" 0\n") {
				return false
			}
		}
		return true
	})
}

// until requests a page until it answers 200 and the condition holds, for at most two minutes.
func (e *exporter) until(ctx context.Context, what, path string, condition func(string) bool) error {
	for deadline := time.Now().Add(2 * time.Minute); ; {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url+path, http.NoBody)
		if err != nil {
			return fmt.Errorf("make request to the exporter: %w", err)
		}
		text, err := do(q, http.StatusOK)
		if err == nil && condition(text) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited for two minutes until the exporter %s: %w", what, err)
		}
		if err := e.wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// wait waits for d. It returns an error if the exporter or ctx ends before.
func (e *exporter) wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-e.Exited:
		return errors.New("the exporter has ended; its log is above")
	case <-time.After(d):
		return nil
	}
}

// backfill has the exporter read what happened before a time.
func (e *exporter) backfill(ctx context.Context, installed time.Time) error {
	fmt.Printf("Reading what happened before %s.\n", installed.Format(time.DateOnly))
	c := e.Command(ctx, "backfill", "-since", installed.AddDate(-1, 0, 0).Format(time.DateOnly), "-until", installed.Format(time.DateOnly), "-source", "github")
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("backfill: %w", err)
	}
	return e.waitUntilCounted(ctx)
}

// report prints the five measures.
func (e *exporter) report(ctx context.Context) error {
	c := e.Command(ctx, "report", "-since", "364d")
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// do sends a request and returns the body of the answer. A status other than the expected one is an error.
func do(q *http.Request, status int) (string, error) {
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", fmt.Errorf("%s: read the answer: %w", q.URL, err)
	}
	if answer.StatusCode != status {
		return "", fmt.Errorf("%s: status %d: %s", q.URL, answer.StatusCode, text)
	}
	return string(text), nil
}
