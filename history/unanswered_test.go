package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// partialOutage fails to answer for a repository until a time, although it answers for others.
type partialOutage struct {
	*sizedPages

	repository string
	until      time.Time
	now        time.Time
}

func (g *partialOutage) Query(ctx context.Context, owner, query string, v map[string]any, data any) error {
	if g.broken = nil; g.now.Before(g.until) {
		g.broken = map[string]error{g.repository: errors.New("500 Internal Server Error")}
	}
	return g.sizedPages.Query(ctx, owner, query, v, data)
}

// newPartialOutage returns a backfill of three repositories, the second of which is not answered for some time. Its sleeps take no time.
func newPartialOutage(t *testing.T, lasts time.Duration) (*Backfill, *partialOutage) {
	t.Helper()
	begin := month(13)
	pages := &sizedPages{sizes: map[string]size{"a": {100, 100}, "b": {100, 100}, "c": {100, 100}}}
	g := &partialOutage{sizedPages: pages, repository: "b", until: begin.Add(lasts), now: begin}
	b := newSizedBackfill(t, pages, "acme/a", "acme/b", "acme/c")
	b.GitHub, b.Now = g, func() time.Time { return g.now }
	b.Sleep = func(_ context.Context, d time.Duration) { g.now = g.now.Add(d) }
	return b, g
}

// tries returns how often the repository was asked for, and whether it was asked for after all others at last.
func (g *partialOutage) tries() (tries int, isLast bool) {
	for _, names := range g.asked {
		if isLast = slices.Equal(names, []string{g.repository}); isLast {
			tries++
		}
	}
	return tries, isLast
}

// A repository that GitHub does not answer for, although it answers others, is read again after the others until it does, or named.
func TestRepositoryIsReadAgain(t *testing.T) {
	const atFirst = 2 * failuresToGiveUp // as a small one, and by itself
	// At first it is tried for 197 to 246 seconds, in each pass for 3: the passes begin after 212, 275 and 517 seconds at the earliest.
	for name, test := range map[string]struct {
		outage time.Duration
		tries  int
		isLast bool
		failed []string
		want   string
	}{
		"answered at the fourth try":   {5 * time.Second, 4, false, nil, ""},
		"answered by the second pass":  {270 * time.Second, atFirst + failuresOfReread + 1, true, nil, ""},
		"answered by the last pass":    {7 * time.Minute, atFirst + 2*failuresOfReread + 1, true, nil, ""},
		"answered after the last pass": {time.Hour, atFirst + maxRereads*failuresOfReread, true, []string{"acme/b"}, notAnswered("github.com/acme/b")},
	} {
		t.Run(name, func(t *testing.T) {
			b, g := newPartialOutage(t, test.outage)
			made, err := b.Run(t.Context())
			if got := fmt.Sprint(err); got != test.want && (err != nil || test.want != "") {
				t.Errorf("error %v, want %s", err, test.want)
			}
			tries, isLast := g.tries()
			if diff := cmp.Diff([]any{test.tries, test.isLast, test.failed}, []any{tries, isLast, made.Failed}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if made.Repositories != 3 || made.Done != 3 || made.CallsLeft != 0 || made.Deployments != 3-len(test.failed) {
				t.Errorf("progress is %+v", made)
			}
		})
	}
}

func notAnswered(names string) string {
	return "GitHub answers others but not for " + names + ", so that not all was read. Repeat the backfill later: it reads only what is left"
}

// A backfill with the same store goes on with what was left out.
func TestUnansweredRepositoryIsLeft(t *testing.T) {
	b, g := newPartialOutage(t, time.Hour)
	_, err := b.Run(t.Context())
	if diff := cmp.Diff([]string{"github.com/acme/b"}, Unanswered(err)); diff != "" || !IsIncomplete(err) {
		t.Fatalf("-want +got:\n%s", diff)
	}
	g.broken = nil
	again := newSizedBackfill(t, g.sizedPages, b.Repositories...)
	again.Store = b.Store
	if made, err := again.Run(t.Context()); err != nil || made.Deployments == 0 || len(made.Failed) > 0 {
		t.Errorf("%+v, %v", made, err)
	}
	if err := errors.Join(err, &dora.RefusedError{Err: errors.New("401"), Credential: "github.token"}); Unanswered(err) != nil || !IsIncomplete(err) {
		t.Errorf("%v counts as nothing but unanswered repositories", err)
	}
}

// A repository that one server leaves unanswered is read again after those of the others.
func TestRepositoryIsReadAfterOtherServers(t *testing.T) {
	b, g := newPartialOutage(t, 7*time.Minute)
	other := newSizedBackfill(t, &sizedPages{sizes: map[string]size{"d": {100, 100}}}, "acme/d")
	var passes []Progress
	b.Sleep = func(_ context.Context, d time.Duration) {
		if g.now = g.now.Add(d); d >= rereadPause(maxRereads) {
			passes = append(passes, other.reached())
		}
	}
	made, err := Servers{b, other}.Run(t.Context())
	if err != nil || made.Done != 4 || len(passes) != 1 || passes[0].Done != 1 {
		t.Errorf("%+v, %v; before the last pass, the other server was read as %+v", made, err, passes)
	}
}

// A list of repositories that GitHub does not answer for is asked for by REST.
func TestUnansweredListOfRepositories(t *testing.T) {
	b, g := newPartialOutage(t, time.Hour)
	b.GitHub, b.Repositories = &unansweredLists{partialOutage: g}, []string{"acme/*", "beta/a"}
	made, err := b.Run(t.Context())
	if diff := cmp.Diff([]string{"acme/a", "acme/c", "beta/a"}, namesOf(b.targets)); diff != "" || err != nil || made.Done != 3 {
		t.Errorf("%+v, %v, -want +got:\n%s", made, err, diff)
	}
}

// unansweredLists does not answer queries for lists and sizes of repositories.
type unansweredLists struct{ *partialOutage }

func (g *unansweredLists) Query(ctx context.Context, owner, query string, v map[string]any, data any) error {
	isSizes := v["n0"] != nil && !strings.Contains(query, "commitOid") && !strings.Contains(query, "object(oid")
	if query == ownerQuery || isSizes {
		return errors.New("500 Internal Server Error")
	}
	return g.partialOutage.Query(ctx, owner, query, v, data)
}

func (g *unansweredLists) OwnerRepositories(context.Context, string, int) (names []string, next int, err error) {
	return []string{"acme/a", "acme/c"}, 0, nil
}
