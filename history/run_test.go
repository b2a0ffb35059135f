package history

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// newInterrupted returns a backfill that ends when stop is called. Its clock goes on with each look at it.
func newInterrupted(t *testing.T, g *sizedPages, repositories ...string) (b *Backfill, run func(), stop func()) {
	t.Helper()
	b = newSizedBackfill(t, g, repositories...)
	now := month(13)
	b.Now = func() time.Time { now = now.Add(time.Second); return now }
	ctx, stop := context.WithCancel(t.Context())
	run = func() {
		t.Helper()
		if _, err := b.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v, want %v", err, context.Canceled)
		}
	}
	return b, run, stop
}

// betweenTwo returns a backfill of acme/a and acme/b that goes on after an interruption between them.
func betweenTwo(t *testing.T, g *sizedPages) *Backfill {
	t.Helper()
	b, run, stop := newInterrupted(t, g, "acme/a", "acme/b")
	b.OnProgress = func(p Progress) {
		if p.Done == 1 {
			stop()
		}
	}
	run()
	return again(b)
}

// large is the size of a repository that is read by itself.
var large = size{pageSize + 1, 1}

// The next process goes on with the list of the one that was interrupted. What webhooks have missed in between is read at the end.
func TestInterruptedBackfill(t *testing.T) {
	g := &sizedPages{sizes: map[string]size{"a": large, "b": large, "c": large}, newest: map[string]time.Time{}}
	b, run, stop := newInterrupted(t, g, "acme/a", "acme/b", "acme/c")
	b.OnProgress = func(p Progress) {
		if p.Done == 2 {
			stop()
		}
	}
	run()
	g.newest["a"] = b.Now()
	read, lists := len(g.asked), g.lists
	b = again(b)
	made, err := b.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"a"}, {"b"}, {"c"}, {"a"}}, g.asked); diff != "" || read != 2 || lists != 1 || g.lists != 2 {
		t.Errorf("%d were read and listed %d times at first, %d times in the end; -want +got:\n%s", read, lists, g.lists, diff)
	}
	if made.Repositories != 3 || made.Done != 3 || made.CallsLeft != 0 || made.Deployments != 4 || made.Deliveries != 2 || len(made.Failed) > 0 {
		t.Errorf("progress is %+v", made) // of the 4 deployments, the process before has stored 2
	}
	if made, err := again(b).Run(t.Context()); err != nil || g.lists != 3 || len(g.asked) != 5 || made.Deliveries != 0 {
		t.Errorf("again: %+v, %v; listed %d times, read %q", made, err, g.lists, g.asked)
	}
}

// A backfill that is interrupted again and again lists the repositories once at the beginning, and at the end until nothing interrupts that.
func TestBackfillInterruptedAtTheEnd(t *testing.T) {
	g := &sizedPages{sizes: map[string]size{"a": large, "b": large}, newest: map[string]time.Time{"a": month(13), "b": month(13)}}
	b := betweenTwo(t, g)
	ctx, stop := context.WithCancel(t.Context())
	b.OnProgress = func(Progress) {
		if len(g.asked) == 3 { // a and b, and then a again
			stop()
		}
	}
	if _, err := b.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if made, err := again(b).Run(t.Context()); err != nil || made.Done != 2 {
		t.Errorf("%+v, %v", made, err)
	}
	if want := [][]string{{"a"}, {"b"}, {"a"}, {"b"}}; g.lists != 3 || !slices.EqualFunc(want, g.asked[:min(4, len(g.asked))], slices.Equal) {
		t.Errorf("listed %d times, read %q", g.lists, g.asked)
	}
}

// What can't be read of a repository that was begun before the interruption is still named after what is newer was read.
func TestUnreadableDeploymentIsNamed(t *testing.T) {
	g := &sizedPages{sizes: map[string]size{"a": large, "b": large}}
	b := betweenTwo(t, g)
	b.DecodeDeployment = func([]byte) (dora.Event, error) { return dora.Event{}, errors.New("unreadable") }
	made, err := b.Run(t.Context())
	if diff := cmp.Diff([]string{"acme/b#98"}, made.Failed); diff != "" || err != nil || !b.readsNewer {
		t.Errorf("error %v, -want +got:\n%s", err, diff)
	}
}

// unlisted is sizedPages that answers neither the first lists nor control calls, of which there are some.
type unlisted struct {
	*sizedPages

	failures int
}

func (g *unlisted) Query(ctx context.Context, owner, query string, v map[string]any, data any) error {
	if isPage := strings.Contains(query, "commitOid") || strings.Contains(query, "object(oid"); !isPage && g.failures > 0 {
		g.failures--
		return errors.New("503 Service Unavailable")
	}
	return g.sizedPages.Query(ctx, owner, query, v, data)
}

// If a server does not answer when what is newer is listed at the end, that is asked for again, and what was read is counted once.
func TestServerIsDownAtTheEnd(t *testing.T) {
	g := &sizedPages{sizes: map[string]size{"a": large, "b": large}}
	b := betweenTwo(t, g)
	b.GitHub = &unlisted{g, failuresOfServer + 1}
	other := again(b)
	other.GitHub, other.Host, other.Repositories = g, "ghe.example.com", nil
	if made, err := (Servers{b, other}).Run(t.Context()); err != nil || made.Deployments != 2 || made.Done != 2 || g.lists != 2 {
		t.Errorf("%+v, %v, listed %d times", made, err, g.lists)
	}
}

// A list is not used for another request, nor for long, nor if something could not be listed.
func TestListIsNotUsedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Backfill)
		hidden bool
		isUsed bool
	}{
		"the same request":     {isUsed: true},
		"another beginning":    {change: func(b *Backfill) { b.Since = month(2) }},
		"another end":          {change: func(b *Backfill) { b.Until = month(12) }},
		"other repositories":   {change: func(b *Backfill) { b.Repositories = b.Repositories[:1] }},
		"a day later":          {change: func(b *Backfill) { b.Now = func() time.Time { return month(13).Add(maxListAge + time.Hour) } }},
		"a clock set back":     {change: func(b *Backfill) { b.Now = func() time.Time { return month(13) } }},
		"a hidden repository":  {hidden: true},
		"owners listed lately": {change: func(b *Backfill) { b.Owners = func(context.Context) ([]string, error) { return nil, nil } }},
	} {
		t.Run(name, func(t *testing.T) {
			g := &sizedPages{sizes: map[string]size{"a": large, "b": large}}
			b, run, stop := newInterrupted(t, g, "acme/a", "acme/b")
			b.OnProgress = func(p Progress) {
				if p.Done == 1 {
					stop()
				}
				if test.hidden {
					b.progress.Failed = []string{"acme/c"}
				}
			}
			run()
			b = again(b)
			if test.change != nil {
				test.change(b)
			}
			if _, err := b.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if b.readsNewer != test.isUsed || g.lists != 2 { // by each process, by the second one at its end if it has used that of the first one
				t.Errorf("the list was used: %t, want %t; listed %d times", b.readsNewer, test.isUsed, g.lists)
			}
		})
	}
}

// Statuses whose numbers were read, or brought by webhooks, are not asked for again.
func TestNumbersAreReadOnce(t *testing.T) {
	g := &sizedPages{sizes: map[string]size{"a": large}, newest: map[string]time.Time{"a": month(13)}}
	b, run, stop := newInterrupted(t, g, "acme/a")
	b.OnProgress = func(p Progress) {
		if p.Deployments > 0 { // before its deliveries are stored
			stop()
		}
	}
	run()
	b = again(b)
	if made, err := b.Run(t.Context()); err != nil || made.Deliveries != 2 || made.Deployments != 2 {
		t.Errorf("%+v, %v", made, err)
	}
	const newest = 1000 + 'a'
	// It was read in the last week, so it is read again, and its status, which is not processed yet, is asked for.
	if diff := cmp.Diff([]int64{newest, newest}, g.numbered); diff != "" {
		t.Errorf("asked for the statuses: -want +got:\n%s", diff)
	}
	must(t, b.Store.Update(t.Context(), func(tx dora.Tx) error {
		return tx.Deployments().AddStatus(dora.DeploymentKey("api.github.com", newest), "success", month(13), 10*newest)
	}))
	if made, err := again(b).Run(t.Context()); err != nil || made.Deliveries != 0 || len(g.numbered) != 2 {
		t.Errorf("%+v, %v, asked for the statuses of %d", made, err, g.numbered)
	}
}

// What REST tells of deployments is asked for once.
func TestDeploymentsAreCompletedOnce(t *testing.T) {
	g := &restPages{sizedPages: &sizedPages{sizes: map[string]size{"a": large}, newest: map[string]time.Time{"a": month(13)}}}
	b, run, stop := newInterrupted(t, g.sizedPages, "acme/a")
	b.GitHub, b.NeedsFlags = g, func(string) bool { return true }
	g.onStatuses = func(int64) { stop() }
	run()
	if g.lists != 1 || g.rest != 1 {
		t.Fatalf("%d lists, %d pages by REST", g.lists, g.rest)
	}
	g.onStatuses = nil
	b = again(b)
	before := -1
	b.OnProgress = func(p Progress) {
		if p.Deployments > 0 && before < 0 {
			before = g.rest
		}
	}
	if made, err := b.Run(t.Context()); err != nil || made.Deliveries != 2 || before != 1 || g.rest != 2 {
		t.Errorf("%+v, %v, %d pages by REST, %d with those of what is read again at the end", made, err, before, g.rest)
	}
}

// restPages is sizedPages with a page of deployments by REST.
type restPages struct {
	*sizedPages

	rest int
}

func (g *restPages) Deployments(context.Context, string, string, int) ([]json.RawMessage, int, error) {
	g.rest++
	return []json.RawMessage{json.RawMessage(`{"id": 97, "sha": "a", "environment": "production", "production_environment": true, "created_at": "2025-06-01T00:00:00Z"}`)}, 0, nil
}

// The missing commits of small repositories are asked for together also after an interruption.
func TestSmallRepositoriesInterrupted(t *testing.T) {
	g := &sizedPages{sizes: map[string]size{"a": {2, 1}, "b": {1, 1}}}
	b, run, stop := newInterrupted(t, g, "acme/a", "acme/b")
	g.onQuery = func(query string) {
		if strings.Contains(query, "object(oid") {
			stop()
		}
	}
	run()
	g.onQuery = nil
	if made, err := again(b).Run(t.Context()); err != nil || made.Deployments != 2 {
		t.Errorf("%+v, %v", made, err)
	}
	if diff := cmp.Diff([][][]string{{{"a", "b"}}, {{"a", "b"}, {"a", "b"}}}, [][][]string{g.asked, g.behind}); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
