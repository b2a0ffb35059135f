package integration

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"dora-exporter/internal/testexporter"
)

// collector is a real OpenTelemetry Collector with otel-collector.yaml. Its files outlive its process.
type collector struct {
	grpc, http, prometheus, file string
	process                      *exec.Cmd
	output                       bytes.Buffer
}

// otelcol is the Collector's binary.
func otelcol(t *testing.T) string {
	t.Helper()
	path := os.Getenv("OTELCOL")
	if path == "" {
		t.Fatal("OTELCOL does not name an OpenTelemetry Collector: make integration builds one and sets it")
	}
	return path
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{grpc: testexporter.FreeAddress(t), http: testexporter.FreeAddress(t), prometheus: testexporter.FreeAddress(t), file: filepath.Join(t.TempDir(), "otlp.jsonl")}
	t.Cleanup(func() {
		c.kill()
		if t.Failed() {
			t.Logf("the Collector said:\n%s", c.output.String())
		}
	})
	return c
}

// start starts the process, with other ports than the file's.
func (c *collector) start(t *testing.T) {
	t.Helper()
	c.process = exec.Command(otelcol(t), "--config=../otel-collector.yaml",
		"--config=yaml:receivers::otlp::protocols::grpc::endpoint: "+c.grpc,
		"--config=yaml:receivers::otlp::protocols::http::endpoint: "+c.http,
		"--config=yaml:exporters::prometheus::endpoint: "+c.prometheus)
	c.process.Env = append(os.Environ(), "OTLP_FILE="+c.file)
	c.process.Stdout, c.process.Stderr = &c.output, &c.output
	if err := c.process.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Collector listens", func() error {
		for _, address := range []string{c.grpc, c.http, c.prometheus} {
			connection, err := net.Dial("tcp", address)
			if err != nil {
				return fmt.Errorf("%s: %w", address, err)
			}
			_ = connection.Close()
		}
		return nil
	})
}

// kill ends the process as kill -9 does.
func (c *collector) kill() {
	if c.process != nil && c.process.ProcessState == nil {
		_ = c.process.Process.Kill()
		_ = c.process.Wait()
	}
}
