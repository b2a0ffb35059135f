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
	// largestAnswer limits an answer and largestHeaders its headers, in bytes.
	maxAnswer  = 8 << 20
	maxHeaders = 256 << 10
	// longestValue is more than owner/repository and a project's key ever have, in bytes.
	maxName = 500

	// The annotations that say what an entity belongs to. https://backstage.io/docs/features/software-catalog/well-known-annotations
	slugAnnotation    = "github.com/project-slug"
	projectAnnotation = "jira/project-key"
)

// Options say how to ask Backstage.
type Options struct {
	// Endpoint is Backstage's address, with its base path if it has one; /api/catalog/entities is added.
	Endpoint string
	// Token is sent as a bearer token to the endpoint's host alone.
	Token string
	// TTL is how long an answer holds. An older one is still used while Backstage does not answer.
	TTL    time.Duration
	Logger *slog.Logger
	// Transport may wrap what makes the HTTP exchanges, to follow them; nil for nothing.
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

// answer is a team and when it was told.
type answer struct {
	team string
	at   time.Time
}

// NewBackstage returns a catalog that asks Backstage. It makes no call.
func NewBackstage(o Options) (*Backstage, error) {
	if u, err := url.Parse(o.Endpoint); err != nil || u.Host == "" {
		return nil, errors.New("the catalog's endpoint is not an address") // it is not shown: it may hold a password
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

// checkRedirect follows a redirect on the endpoint's host alone, and never from https to http, since the token goes with it.
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

// RepositoryTeam is the owner of the entity with the annotation github.com/project-slug: owner/repository, dora.Unknown
// when there is none. The error says that Backstage can't be asked and has never been.
func (b *Backstage) RepositoryTeam(ctx context.Context, owner, repository string) (string, error) {
	return b.team(ctx, slugAnnotation, owner+"/"+repository)
}

// ProjectTeam is the owner of the entity with the annotation jira/project-key: project, likewise.
func (b *Backstage) ProjectTeam(ctx context.Context, project string) (string, error) {
	return b.team(ctx, projectAnnotation, project)
}

// team answers from the cache, else from Backstage, else from what the cache had.
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

// isValidName is false for what no repository or project is called. To Backstage a comma would begin another condition. A server
// refuses addresses that are very long, with an answer that would be taken for an outage and hold all look-ups up.
func isValidName(value string) bool {
	return len(value) <= maxName && !strings.Contains(value, ",") && !strings.ContainsFunc(value, unicode.IsControl)
}

// cached is what the cache has, its zero value when it has nothing.
func (b *Backstage) cached(annotation, value string) answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cache[annotation+"="+value]
}

func (b *Backstage) isFresh(a answer) bool {
	return !a.at.IsZero() && time.Since(a.at) < b.options.TTL
}

// refreshShared makes one call for all that ask for the same. One of them leaving does not end it for the others.
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

// refresh makes the call, unless it has just been made or Backstage is down, and remembers the answer.
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

// logKey is the key under which log lines name what an annotation's value says.
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
		err = fmt.Errorf("GET %s: %w", u, with.Err) // its own address may be one that an answer redirected to
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
			return nil, fmt.Errorf("GET %s: the answer has an entity with nothing in it", u)
		}
		if len(e.owner()) > maxName {
			return nil, fmt.Errorf("GET %s: the answer has an owner with a name of more than %d bytes", u, maxName)
		}
	}
	return entities, nil
}

// answerLimits are far above what a catalog sends for one annotation.
var answerLimits = bounds.JSON{Depth: 200, List: 10_000, Elements: 100_000, Members: 500_000}

// decode reads a list of entities.
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

// redact keeps the token out of an error: a server may send back what it was sent.
func (b *Backstage) redact(err error) error {
	if err == nil || b.options.Token == "" || !strings.Contains(err.Error(), b.options.Token) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), b.options.Token, "[token]"))
}
