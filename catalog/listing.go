package catalog

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"dora-exporter/dora"
)

const (
	// listingTTL is short: what was added to Backstage in the meantime would be counted under the wrong team.
	listingTTL = time.Minute
	pageSize   = 500
	maxPages   = 1000

	// Annotations whose values contain the name that is looked up, so that Backstage's filter can't find them. Some write several keys,
	// or blanks, into projectAnnotation, too.
	// https://backstage.io/docs/features/software-catalog/well-known-annotations
	sourceAnnotation   = "backstage.io/source-location"
	projectsAnnotation = "jira.com/project-keys"
)

// listing has the owned entities that an exact filter does not find.
type listing struct {
	at time.Time
	// repositories are by host/owner/name and projects by key, in lower case.
	repositories, projects map[string][]candidate
}

// sharedListing returns a listing that is at most listingTTL old. Concurrent callers share the calls.
func (b *Backstage) sharedListing(ctx context.Context) (*listing, error) {
	shared, err, _ := b.flights.Do("listing", func() (any, error) {
		if b.listing != nil && time.Since(b.listing.at) < listingTTL {
			return b.listing, nil
		}
		made, err := b.list(ctx)
		if err == nil {
			b.listing = made
		}
		return made, err
	})
	made, _ := shared.(*listing)
	return made, err
}

// list fetches a listing.
func (b *Backstage) list(ctx context.Context) (*listing, error) {
	l := &listing{at: time.Now(), repositories: map[string][]candidate{}, projects: map[string][]candidate{}}
	if err := b.eachWith(ctx, l.add, sourceAnnotation, projectAnnotation, projectsAnnotation); err != nil {
		return nil, err
	}
	return l, nil
}

// eachWith calls add for the entities that have one of some annotations, page by page.
func (b *Backstage) eachWith(ctx context.Context, add func(entity), annotations ...string) error {
	var filters []string
	for _, annotation := range annotations {
		filters = append(filters, "metadata.annotations."+annotation)
	}
	var before string // the first entity of the previous page
	for page := range maxPages {
		entities, err := b.entities(ctx, url.Values{
			"filter": filters,
			"fields": {"kind,metadata.name,metadata.namespace,metadata.annotations,spec.owner,relations"},
			"limit":  {strconv.Itoa(pageSize)}, "offset": {strconv.Itoa(page * pageSize)},
		})
		if err != nil {
			return err
		}
		for _, e := range entities {
			add(e)
		}
		if len(entities) != pageSize {
			return nil
		}
		first := entities[0].candidate().ref
		if first == before {
			break
		}
		before = first
	}
	return errors.New("the pages of entities do not end")
}

func (l *listing) add(e entity) {
	if e.owner() == "" {
		return
	}
	if repository := e.sourceRepository(); repository != "" {
		c := e.candidate()
		c.bySource = true
		l.repositories[repository] = append(l.repositories[repository], c)
	}
	keys := e.annotation(projectsAnnotation)
	if one := e.annotation(projectAnnotation); strings.ContainsAny(one, ", /") { // a filter does not find it
		keys += "," + one
	}
	for key := range strings.SplitSeq(keys, ",") {
		key = strings.ToLower(strings.TrimSpace(key[strings.LastIndexByte(key, '/')+1:])) // one of several sites: site/KEY
		if key != "" {
			l.projects[key] = append(l.projects[key], e.candidate())
		}
	}
}

// sourceRepository returns host/owner/name, in lower case, of the repository that an entity's sources are in; empty if its location is no
// URL, or if the entity names its repository by an annotation.
func (e entity) sourceRepository() string {
	location, found := strings.CutPrefix(e.annotation(sourceAnnotation), "url:")
	if !found || e.annotation(slugAnnotation) != "" {
		return ""
	}
	u, err := url.Parse(location)
	if err != nil {
		return ""
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) < 2 || len(parts) > 2 && parts[2] != "tree" && parts[2] != "blob" {
		return ""
	}
	host := strings.TrimPrefix(dora.Host(location), "www.")
	return strings.ToLower(host + "/" + parts[0] + "/" + strings.TrimSuffix(parts[1], ".git"))
}
