package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
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
	answers *bounds.Answers

	outage outage

	mu    sync.Mutex
	cache map[string]answer
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
		answers: bounds.NewAnswers(),
		outage:  outage{logger: o.Logger},
		cache:   map[string]answer{},
		http: &http.Client{
			Timeout:       callTimeout,
			CheckRedirect: checkRedirect,
			Transport:     exchanges,
		},
	}, nil
}

// checkRedirect allows redirects on the endpoint's host only, and never from https to http, since the token goes with them.
func checkRedirect(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case next.URL.Host != first.Host:
		return errors.New("redirected to another host: is this a sign-in page?")
	case first.Scheme == "https" && next.URL.Scheme != "https":
		return errors.New("redirected away from https")
	case len(via) > 5:
		return errors.New("redirected too often")
	}
	return nil
}

// RepositoryTeam returns the owner of the entity with the annotation github.com/project-slug: owner/repository, dora.Unknown if there
// is none. It fails if Backstage does not answer and no answer is cached.
func (b *Backstage) RepositoryTeam(ctx context.Context, owner, repository string) (string, error) {
	return b.team(ctx, slugAnnotation, owner+"/"+repository)
}

// ProjectTeam returns the owner of the entity with the annotation jira/project-key: project, likewise.
func (b *Backstage) ProjectTeam(ctx context.Context, project string) (string, error) {
	return b.team(ctx, projectAnnotation, project)
}

// team returns the team from a fresh cache entry, else from Backstage, else from a stale cache entry.
func (b *Backstage) team(ctx context.Context, annotation, value string) (string, error) {
	if !isValidName(value) {
		return dora.Unknown, nil
	}
	known := b.cached(annotation, value)
	if b.isFresh(known) {
		b.options.OnLookup("cached")
		return known.team, nil
	}
	team, err := b.refreshShared(ctx, annotation, value)
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
	return "", fmt.Errorf("owner of %s in Backstage: %w", value, err)
}

// isValidName reports whether a repository or project can have a name. A comma would begin another condition in Backstage's filter.
// Servers refuse very long URLs, with an answer that would count as an outage and delay all look-ups.
func isValidName(value string) bool {
	return len(value) <= maxName && !strings.Contains(value, ",") && !strings.ContainsFunc(value, unicode.IsControl)
}

// cached returns the cache entry, its zero value if there is none.
func (b *Backstage) cached(annotation, value string) answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cache[annotation+"="+value]
}

func (b *Backstage) isFresh(a answer) bool {
	return !a.at.IsZero() && time.Since(a.at) < b.options.TTL
}

// refreshShared makes one call for all concurrent callers of the same name. A cancelled caller does not end it for the others.
func (b *Backstage) refreshShared(ctx context.Context, annotation, value string) (string, error) {
	outcome := b.flights.DoChan(annotation+"="+value, func() (any, error) {
		return b.refresh(context.WithoutCancel(ctx), annotation, value)
	})
	select {
	case o := <-outcome:
		team, _ := o.Val.(string)
		return team, o.Err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// refresh makes the call, unless the cache has become fresh or Backstage is down, and caches the answer.
func (b *Backstage) refresh(ctx context.Context, annotation, value string) (string, error) {
	if known := b.cached(annotation, value); b.isFresh(known) {
		return known.team, nil
	}
	call, err := b.outage.begin()
	if err != nil {
		return "", err
	}
	entities, err := b.fetch(ctx, annotation, value)
	err = b.redact(err)
	b.outage.end(call, err)
	if err != nil {
		return "", err
	}
	team := ownerOf(entities, b.options.Logger.With(logKey(annotation), value))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cache[annotation+"="+value] = answer{team: team, at: time.Now()}
	return team, nil
}

// logKey returns the key of log lines for the value of an annotation.
func logKey(annotation string) string {
	if annotation == projectAnnotation {
		return "project"
	}
	return "repository"
}

// fetch fetches the entities with an annotation.
func (b *Backstage) fetch(ctx context.Context, annotation, value string) ([]entity, error) {
	u := strings.TrimSuffix(b.options.Endpoint, "/") + "/api/catalog/entities?" +
		url.Values{"filter": {"metadata.annotations." + annotation + "=" + value}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	if b.options.Token != "" {
		request.Header.Set("Authorization", "Bearer "+b.options.Token)
	}
	response, err := b.http.Do(request)
	var with *url.Error
	if errors.As(err, &with) {
		err = fmt.Errorf("GET %s: %w", u, with.Err) // its own URL may be a redirect's
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: status %d", u, response.StatusCode)
	}
	entities, err := b.decode(ctx, response.Body)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", u, err)
	}
	if entities == nil {
		return nil, fmt.Errorf("GET %s: the answer is null", u)
	}
	for _, e := range entities {
		if e.Kind == "" && e.Metadata.Name == "" && e.owner() == "" {
			return nil, fmt.Errorf("GET %s: the answer has an empty entity", u)
		}
		if len(e.owner()) > maxName {
			return nil, fmt.Errorf("GET %s: the answer has an owner whose name has more than %d bytes", u, maxName)
		}
	}
	return entities, nil
}

// answerLimits are far above what Backstage sends for one annotation.
var answerLimits = bounds.JSON{Depth: 200, List: 10_000, Elements: 100_000, Members: 500_000}

// decode decodes a list of entities.
func (b *Backstage) decode(ctx context.Context, body io.Reader) (entities []entity, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	lease := b.answers.Lease()
	defer lease.Release()
	text, err := lease.Read(ctx, body, maxAnswer)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if err := lease.Unmarshal(ctx, answerLimits, text, &entities); err != nil {
		return nil, fmt.Errorf("the answer is not a list of entities: %w", err)
	}
	return entities, nil
}

// redact removes the token from an error: a server may echo what it was sent.
func (b *Backstage) redact(err error) error {
	if err == nil || b.options.Token == "" || !strings.Contains(err.Error(), b.options.Token) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), b.options.Token, "[token]"))
}
