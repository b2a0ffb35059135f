package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"dora-exporter/internal/bounds"
	"dora-exporter/internal/redact"
)

// answerLimits are far above what Backstage sends for one annotation, or on one page.
var answerLimits = bounds.JSON{Depth: 200, List: 10_000, Elements: 100_000, Members: 500_000}

// entities fetches the entities that a query selects.
// https://backstage.io/docs/features/software-catalog/software-catalog-api
func (b *Backstage) entities(ctx context.Context, query url.Values) ([]entity, error) {
	u := strings.TrimSuffix(b.options.Endpoint, "/") + "/api/catalog/entities?" + query.Encode()
	entities, err := b.get(ctx, u)
	if err != nil {
		return nil, b.redact(fmt.Errorf("GET %s: %w", u, err))
	}
	return entities, nil
}

func (b *Backstage) get(ctx context.Context, u string) (entities []entity, err error) {
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
		return nil, with.Err // without its URL, which may be a redirect's
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, b.statusError(response.StatusCode)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	lease := b.answers.Lease()
	defer lease.Release()
	text, err := lease.Read(ctx, response.Body, maxAnswer)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if isPage(text) {
		return nil, &problem{"the answer is a web page, such as a sign-in", adviseBoth}
	}
	if err = lease.Admit(ctx, answerLimits, text); err == nil {
		err = json.Unmarshal(text, &entities)
	}
	if err != nil && !isOddMember(err) {
		return nil, fmt.Errorf("the answer is not a list of entities: %w", err)
	}
	return entities, checkEntities(entities)
}

// isOddMember reports whether the only error of decoding is that a member of an entity has another type than Backstage's own entities. The
// decoder has left out that member and read everything else: one odd entity makes no other unknown.
func isOddMember(err error) bool {
	var odd *json.UnmarshalTypeError
	return errors.As(err, &odd) && odd.Field != ""
}

// checkEntities returns what no list of entities has.
func checkEntities(entities []entity) error {
	if entities == nil {
		return errors.New("the answer is null")
	}
	for _, e := range entities {
		if e.Kind == "" && e.Metadata.Name == "" && e.owner() == "" {
			return errors.New("the answer has an empty entity")
		}
		if len(e.owner()) > maxName {
			return fmt.Errorf("the answer has an owner whose name has more than %d bytes", maxName)
		}
	}
	return nil
}

// checkRedirect allows redirects on the endpoint's host only, and never from https to http, since the token goes with them.
func checkRedirect(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case next.URL.Host != first.Host:
		return &problem{"redirected to another host, such as a sign-in page", adviseBoth}
	case first.Scheme == "https" && next.URL.Scheme != "https":
		return &problem{"redirected away from https", adviseEndpoint}
	case len(via) > 5:
		return errors.New("redirected too often")
	}
	return nil
}

// redact removes the token from the text of an error: a server may echo what it was sent.
func (b *Backstage) redact(err error) error {
	if b.options.Token == "" {
		return err
	}
	return redact.Error(err, func(text string) string { return strings.ReplaceAll(text, b.options.Token, "[token]") })
}
