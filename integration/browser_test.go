package integration

import (
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

//go:embed testdata/audit.js
var auditJS string

// browser is a headless Chromium with one tab. It keeps what a page complains of and asks for.
type browser struct {
	context.Context

	mu       sync.Mutex
	messages []string
	asked    []string
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: ./install installs it", err)
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(2 * time.Minute)}
	for _, flag := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update",
		"disable-sync", "disable-dev-shm-usage", "hide-scrollbars",
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	limited, cancelLimit := context.WithTimeout(context.Background(), 10*time.Minute)
	allocator, cancelAllocator := chromedp.NewExecAllocator(limited, options...)
	b := &browser{}
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithListener(b.hear))
	b.Context = ctx
	t.Cleanup(func() { cancel(); cancelAllocator(); cancelLimit() })
	b.do(t, tell(log.Enable, cdp.Empty{}), tell(network.Enable, network.EnableParams{}))
	return b
}

// tell is a command whose result is of no interest.
func tell[P, R any](command cdp.Command[P, R], parameters P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, command, parameters)
		return err
	})
}

func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	case *log.EventEntryAdded: // what breaks the Content-Security-Policy among them
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			b.messages = append(b.messages, e.Entry.Text)
		}
	case *runtime.EventConsoleAPICalled:
		b.messages = append(b.messages, fmt.Sprintf("console.%s", e.Type))
	case *runtime.EventExceptionThrown:
		b.messages = append(b.messages, e.ExceptionDetails.Text)
	}
}

// quiet checks that the pages had nothing to complain of and loaded nothing from elsewhere.
func (b *browser) quiet(t *testing.T, hosts ...string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.messages {
		t.Errorf("the browser says: %s", m)
	}
	own := 0
	for _, asked := range b.asked {
		switch u, err := url.Parse(asked); {
		case err == nil && u.Scheme == "http" && slices.Contains(hosts, u.Host):
			own++
		case err != nil || u.Scheme != "data":
			t.Errorf("a page asked for %s", asked)
		}
	}
	if own == 0 {
		t.Error("no request was seen")
	}
}

func (b *browser) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b, steps...); err != nil {
		t.Fatal(err)
	}
}

// look emulates a screen, a phone's when it is narrow, and what its user prefers.
func (b *browser) look(t *testing.T, width int64, scheme string) {
	t.Helper()
	b.do(t,
		tell(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 800, DeviceScaleFactor: 1, Mobile: width < 400}),
		tell(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}}),
	)
}

func evaluate[T any](t *testing.T, b *browser, js string) T {
	t.Helper()
	value, err := chromedp.Run(b, chromedp.Evaluate[T](js))
	if err != nil {
		t.Fatalf("%s: %v", js, err)
	}
	return value
}

// audit checks the page that is shown, as audit.js does.
func (b *browser) audit(t *testing.T) {
	t.Helper()
	complaints := evaluate[[]string](t, b, auditJS)
	for _, c := range slices.Compact(complaints) {
		t.Error(c)
	}
}

// shoot keeps a picture of the page in the folder that PAGE_SHOTS names, for people.
func (b *browser) shoot(t *testing.T, name string) {
	t.Helper()
	folder := os.Getenv("PAGE_SHOTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(b, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600); err != nil {
		t.Fatal(err)
	}
}
