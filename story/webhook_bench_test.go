package story

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"dora-exporter/internal/testexporter"
)

// yardstickAt is set in the environment of this test's own program when it is to be the yardstick: its address.
const yardstickAt = "DORA_EXPORTER_YARDSTICK"

// yardstick is the least that a durable receiver does: a bare Gin handler that reads the body, checks its signature and
// appends it to one file; what waits is written and synced together.
func yardstick(address string) error {
	file, err := os.Create("yardstick.log")
	if err != nil {
		return err
	}
	type line struct {
		body []byte
		done chan error
	}
	lines := make(chan line, 512)
	go func() {
		for first := range lines {
			group := []line{first}
			for more := true; more && len(group) < 512; {
				select {
				case next := <-lines:
					group = append(group, next)
				default:
					more = false
				}
			}
			var text []byte
			for _, l := range group {
				text = append(append(text, l.body...), '\n')
			}
			_, err := file.Write(text)
			if err == nil {
				err = file.Sync()
			}
			for _, l := range group {
				l.done <- err
			}
		}
	}()
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.POST("/api/github", func(c *gin.Context) {
		body, err := io.ReadAll(c.Request.Body)
		mac := hmac.New(sha256.New, []byte(gitHubSecret))
		mac.Write(body)
		if err != nil || !hmac.Equal([]byte("sha256="+hex.EncodeToString(mac.Sum(nil))), []byte(c.GetHeader("X-Hub-Signature-256"))) {
			c.Status(http.StatusUnauthorized)
			return
		}
		l := line{body, make(chan error, 1)}
		lines <- l
		if <-l.done != nil {
			c.Status(http.StatusServiceUnavailable)
			return
		}
		c.Status(http.StatusAccepted)
	})
	return (&http.Server{Addr: address, Handler: engine, ReadHeaderTimeout: time.Second}).ListenAndServe()
}

// BenchmarkWebhooks posts signed statuses to the exporter and to the yardstick, in turns, each a process of its own, and
// gives the ratio of their rates, and the rate at which the exporter has counted them all.
func BenchmarkWebhooks(b *testing.B) {
	for _, senders := range []int{1, 32} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			ours, bare, counted := compare(b, senders)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(b.N)/ours.Seconds(), "webhooks/s")
			b.ReportMetric(float64(b.N)/bare.Seconds(), "yardstick/s")
			b.ReportMetric(bare.Seconds()/ours.Seconds(), "of-yardstick")
			b.ReportMetric(float64(b.N)/counted.Seconds(), "counted/s")
		})
	}
}

// compare posts b.N statuses to each and returns how long that took, and how long until all were counted.
func compare(b *testing.B, senders int) (ours, bare, counted time.Duration) {
	folder, address := b.TempDir(), testexporter.FreeAddress(b)
	config := fmt.Sprintf("server: {host: 127.0.0.1, port: %s}\ngithub: {base_url: 'http://127.0.0.1:1', webhook_secret: %s}\n",
		address[len("127.0.0.1:"):], gitHubSecret)
	if err := os.WriteFile(filepath.Join(folder, "config.yml"), []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	run(b, folder, nil, binary, "-log", "warn")
	other := testexporter.FreeAddress(b)
	run(b, folder, []string{yardstickAt + "=" + other}, os.Args[0])
	wait(b, "http://"+address+"/readyz")
	wait(b, "http://"+other+"/")
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
	const turn = 500
	id := 0
	for done := 0; done < b.N; done += turn {
		n := min(turn, b.N-done)
		var events []webhook
		for range n {
			id++
			events = append(events, deployed{id: id, repo: "web", env: "production"}.status(id, "success", newYear))
		}
		ours += spend(b, client, address, senders, events)
		began := time.Now()
		for {
			text := body(b, client, "http://"+address+"/metrics")
			all, err := parse(text)
			if err != nil {
				b.Fatal(err)
			}
			if all[deploymentSeries("github_deployments_total", "production", "web", "success", "Unknown")] == float64(id) {
				break
			}
		}
		counted += time.Since(began)
		bare += spend(b, client, other, senders, events)
	}
	return ours, bare, ours + counted
}

// spend posts events from so many senders and returns how long it took.
func spend(b *testing.B, client *http.Client, address string, senders int, events []webhook) time.Duration {
	work := make(chan webhook, len(events))
	for _, w := range events {
		work <- w
	}
	close(work)
	began := time.Now()
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() {
			e := &exporter{address: address}
			for w := range work {
				request, err := e.request(b.Context(), w)
				if err != nil {
					b.Error(err)
					return
				}
				answer, err := client.Do(request)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
				if answer.StatusCode != http.StatusAccepted {
					b.Errorf("status %d", answer.StatusCode)
				}
			}
		})
	}
	sending.Wait()
	return time.Since(began)
}

func run(b *testing.B, folder string, env []string, name string, args ...string) {
	p := exec.Command(name, args...)
	p.Dir, p.Env, p.Stderr = folder, slices.Concat(env, []string{"HOME=" + folder}), os.Stderr
	if err := p.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = p.Process.Kill()
		_ = p.Wait()
	})
}

// wait polls until something answers.
func wait(b *testing.B, url string) {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		answer, err := http.Get(url)
		if err == nil {
			_ = answer.Body.Close()
			return
		}
	}
	b.Fatalf("nothing answers at %s", url)
}

func body(b *testing.B, client *http.Client, url string) string {
	answer, err := client.Get(url)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}
