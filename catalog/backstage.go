package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"dora-exporter/dora"
)

const (
	callTimeout = 10 * time.Second
	// largestAnswer bounds what is read of an answer, in bytes.
	largestAnswer = 8 << 20
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
	// OnLookup is called for each look-up with found, unknown, cached, stale or error.
	OnLookup func(result string)
}

// Backstage is the software catalog of a Backstage server. https://backstage.io/docs/features/software-catalog/software-catalog-api
type Backstage struct {
	options Options
	http    *http.Client
	flights singleflight.Group

	mu    sync.Mutex
	cache map[string]answer
	// failures in a row; until retry no call is made, so that an outage costs no time and no storm of calls.
	failures int
	retry    time.Time
	lastErr  error
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
		return nil, fmt.Errorf("catalog endpoint %q is not an address", o.Endpoint)
	}
	return &Backstage{
		options: o,
		cache:   map[string]answer{},
		http: &http.Client{
			Timeout: callTimeout,
			CheckRedirect: func(next *http.Request, via []*http.Request) error {
				if next.URL.Host != via[0].URL.Host || len(via) > 5 {
					return errors.New("redirected away")
				}
				return nil
			},
		},
	}, nil
}

// RepositoryTeam is the owner of the entity with the annotation github.com/project-slug: owner/repository, dora.Unknown
// when there is none. The error says that Backstage can't be asked and has never been.
func (b *Backstage) RepositoryTeam(ctx context.Context, owner, repository string) (string, error) {
	return b.team(ctx, "github.com/project-slug", owner+"/"+repository)
}

// ProjectTeam is the owner of the entity with the annotation jira/project-key: project, likewise.
func (b *Backstage) ProjectTeam(ctx context.Context, project string) (string, error) {
	return b.team(ctx, "jira/project-key", project)
}

// team answers from the cache, else from Backstage, else from what the cache had.
func (b *Backstage) team(ctx context.Context, annotation, value string) (string, error) {
	if strings.Contains(value, ",") { // to Backstage it would begin another condition; no repository or project has one
		return dora.Unknown, nil
	}
	key := annotation + "=" + value
	known, pause := b.look(key)
	if !known.at.IsZero() && time.Since(known.at) < b.options.TTL {
		b.options.OnLookup("cached")
		return known.team, nil
	}
	err := pause
	if pause == nil {
		var team string
		if team, err = b.shared(ctx, annotation, value); err == nil || ctx.Err() != nil {
			return team, err
		}
	}
	if !known.at.IsZero() {
		b.options.OnLookup("stale")
		return known.team, nil
	}
	b.options.OnLookup("error")
	return "", fmt.Errorf("owner of %s in Backstage: %w", value, err)
}

// shared makes one call for all that ask for the same. One of them leaving does not end it for the others.
func (b *Backstage) shared(ctx context.Context, annotation, value string) (string, error) {
	outcome := b.flights.DoChan(annotation+"="+value, func() (any, error) {
		return b.ask(context.WithoutCancel(ctx), annotation, value)
	})
	select {
	case o := <-outcome:
		team, _ := o.Val.(string)
		return team, o.Err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// look returns what the cache has, and why no call is to be made now.
func (b *Backstage) look(key string) (answer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures > 0 && time.Now().Before(b.retry) {
		return b.cache[key], b.lastErr
	}
	if b.failures > 0 { // this caller is the probe: the others stay away until it is back
		b.retry = time.Now().Add(callTimeout)
	}
	return b.cache[key], nil
}

// ask makes the call and remembers the answer, or that there was none.
func (b *Backstage) ask(ctx context.Context, annotation, value string) (string, error) {
	b.mu.Lock()
	failures := b.failures
	b.mu.Unlock()
	entities, err := b.get(ctx, annotation, value)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		if b.failures == failures { // calls that fail together are one failure
			b.fail(err)
		}
		return "", err
	}
	if b.failures > 0 {
		b.failures = 0
		b.options.Logger.Info("Backstage answers again")
	}
	team := ownerOf(entities, value, b.options.Logger)
	result := "found"
	if team == dora.Unknown {
		result = "unknown"
	}
	b.options.OnLookup(result)
	b.cache[annotation+"="+value] = answer{team: team, at: time.Now()}
	return team, nil
}

// fail notes one more failure in a row.
func (b *Backstage) fail(err error) {
	if b.failures == 0 {
		b.options.Logger.Error("Backstage does not answer, trying again", "error", err)
	}
	b.failures++
	b.retry, b.lastErr = time.Now().Add(dora.Backoff(b.failures)), err
}

// get fetches the entities with an annotation.
func (b *Backstage) get(ctx context.Context, annotation, value string) ([]entity, error) {
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
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: status %d", u, response.StatusCode)
	}
	var entities []entity
	if err := json.NewDecoder(io.LimitReader(response.Body, largestAnswer)).Decode(&entities); err != nil {
		return nil, fmt.Errorf("GET %s: the answer is not a list of entities: %w", u, err)
	}
	if entities == nil {
		return nil, fmt.Errorf("GET %s: the answer is null", u)
	}
	return entities, nil
}
