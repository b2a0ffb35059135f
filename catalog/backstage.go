package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/sync/singleflight"

	"dora-exporter/dora"
	"dora-exporter/internal/bounds"
)

const (
	callTimeout = 10 * time.Second
	// concurrentLookups bounds the look-ups that are made at the same time.
	concurrentLookups = 8
	// maxAnswer limits an answer and maxHeaders its headers, in bytes.
	maxAnswer  = 8 << 20
	maxHeaders = 256 << 10
	// maxName is longer than any owner/repository or project key, in bytes.
	maxName = 500

	// The annotations with the repository and the Jira project of an entity. https://backstage.io/docs/features/software-catalog/well-known-annotations
	slugAnnotation    = "github.com/project-slug"
	projectAnnotation = "jira/project-key"
)

// Options configure a Backstage catalog.
type Options struct {
	// Endpoint is the URL of Backstage with its base path, if any; /api/catalog/entities is appended.
	Endpoint string
	// Token is sent as a bearer token to the endpoint's host only.
	Token string
	// TTL is the cache lifetime of an answer. An older answer is still used while Backstage does not answer.
	TTL    time.Duration
	Logger *slog.Logger
	// Transport may wrap the HTTP transport, for tracing; it may be nil.
	Transport func(inner http.RoundTripper) http.RoundTripper
	// OnLookup is called for each look-up with found, unknown, cached, stale or error.
	OnLookup func(result string)
}

// Backstage is the software catalog of a Backstage server. https://backstage.io/docs/features/software-catalog/software-catalog-api
type Backstage struct {
	options Options
	http    *http.Client
	flights singleflight.Group
	// slots has a token for each look-up that is being made.
	slots   chan struct{}
	answers *bounds.Answers

	outage outage

	// listing is used inside its flight only; nil before the first.
	listing *listing

	mu    sync.Mutex
	cache map[subject]answer
}

var _ dora.Catalog = (*Backstage)(nil)

// answer is a cached team with the time of the answer.
type answer struct {
	team string
	at   time.Time
}

// NewBackstage returns a catalog that queries Backstage. It makes no call.
func NewBackstage(o Options) (*Backstage, error) {
	if u, err := url.Parse(o.Endpoint); err != nil || u.Host == "" {
		return nil, errors.New("the catalog's endpoint is not a URL") // it is not shown: it may contain a password
	}
	plain := http.DefaultTransport.(*http.Transport).Clone()
	plain.MaxResponseHeaderBytes = maxHeaders
	var exchanges http.RoundTripper = plain
	if o.Transport != nil {
		exchanges = o.Transport(exchanges)
	}
	return &Backstage{
		options: o,
		slots:   make(chan struct{}, concurrentLookups),
		answers: bounds.NewAnswers(),
		outage:  outage{logger: o.Logger},
		cache:   map[subject]answer{},
		http: &http.Client{
			Timeout:       callTimeout,
			CheckRedirect: checkRedirect,
			Transport:     exchanges,
		},
	}, nil
}

// subject is a repository or a project that is looked up.
type subject struct {
	// host is that of the repository's pages; empty for a project.
	host string
	// annotation and value select the entities that name it.
	annotation, value string
}

// RepositoryTeam returns the owner of the entity whose annotation github.com/project-slug, else backstage.io/source-location, is the
// repository, and dora.Unknown if there is none. It fails if Backstage does not answer and no answer is cached.
func (b *Backstage) RepositoryTeam(ctx context.Context, host, owner, repository string) (string, error) {
	return b.team(ctx, subject{dora.GitHubHost(host), slugAnnotation, owner + "/" + repository})
}

// ProjectTeam returns the owner of the entity whose annotation jira/project-key or jira.com/project-keys has the project, likewise.
func (b *Backstage) ProjectTeam(ctx context.Context, project string) (string, error) {
	return b.team(ctx, subject{annotation: projectAnnotation, value: project})
}

// team returns the team from a fresh cache entry, else from Backstage, else from a stale cache entry.
func (b *Backstage) team(ctx context.Context, s subject) (string, error) {
	if !isValidName(s.value) {
		return dora.Unknown, nil
	}
	known := b.cached(s)
	if b.isFresh(known) {
		b.options.OnLookup("cached")
		return known.team, nil
	}
	team, err := b.refreshShared(ctx, s)
	switch {
	case err == nil && team == dora.Unknown:
		b.options.OnLookup("unknown")
		return team, nil
	case err == nil:
		b.options.OnLookup("found")
		return team, nil
	case !known.at.IsZero():
		b.options.OnLookup("stale")
		return known.team, nil
	case ctx.Err() == nil:
		b.options.OnLookup("error")
	}
	return "", fmt.Errorf("owner of %s in Backstage: %w", s.value, err)
}

// isValidName reports whether a repository or project can have a name. A comma would begin another condition in Backstage's filter.
// Servers refuse very long URLs, with an answer that would count as an outage and delay all look-ups.
func isValidName(value string) bool {
	return len(value) <= maxName && !strings.Contains(value, ",") && !strings.ContainsFunc(value, unicode.IsControl)
}

// cached returns the cache entry, its zero value if there is none.
func (b *Backstage) cached(s subject) answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cache[s]
}

func (b *Backstage) isFresh(a answer) bool {
	return !a.at.IsZero() && time.Since(a.at) < b.options.TTL
}

// refreshShared makes one look-up for all concurrent callers of the same name, as soon as there is a slot. A cancelled caller does not end it: the
// next caller finds its answer in the cache.
func (b *Backstage) refreshShared(ctx context.Context, s subject) (string, error) {
	outcome := b.flights.DoChan(s.annotation+"="+s.value+"@"+s.host, func() (any, error) {
		b.slots <- struct{}{}
		defer func() { <-b.slots }()
		return b.refresh(context.WithoutCancel(ctx), s)
	})
	select {
	case o := <-outcome:
		team, _ := o.Val.(string)
		return team, o.Err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// refresh makes the calls, unless the cache has become fresh or Backstage is down, and caches the answer.
func (b *Backstage) refresh(ctx context.Context, s subject) (string, error) {
	if known := b.cached(s); b.isFresh(known) {
		return known.team, nil
	}
	call, err := b.outage.begin()
	if err != nil {
		return "", err
	}
	found, err := b.find(ctx, s)
	b.outage.end(call, err)
	if err != nil {
		return "", err
	}
	team := teamOfFirst(found, b.options.Logger.With(s.logKey(), s.value))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cache[s] = answer{team: team, at: time.Now()}
	return team, nil
}

// logKey returns the key of log lines for the value.
func (s subject) logKey() string {
	if s.annotation == projectAnnotation {
		return "project"
	}
	return "repository"
}

// find finds the owned entities of a repository or project. A component that names the repository needs no listing.
func (b *Backstage) find(ctx context.Context, s subject) ([]candidate, error) {
	entities, err := b.entities(ctx, url.Values{"filter": {"metadata.annotations." + s.annotation + "=" + s.value}})
	if err != nil {
		return nil, err
	}
	found := candidates(entities)
	if s.annotation == slugAnnotation && slices.ContainsFunc(found, func(c candidate) bool { return c.isComponent }) {
		return found, nil
	}
	l, err := b.sharedListing(ctx)
	if err != nil {
		return nil, err
	}
	if s.annotation == slugAnnotation {
		return append(found, l.repositories[strings.ToLower(s.host+"/"+s.value)]...), nil
	}
	return append(found, l.projects[strings.ToLower(s.value)]...), nil
}
