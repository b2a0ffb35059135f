package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Repositories returns the repositories that entities name, in lower case and each once: as owner/name by the annotation
// github.com/project-slug, else as host/owner/name by the place of their sources.
func (b *Backstage) Repositories(ctx context.Context) ([]string, error) {
	var all []string
	err := b.eachWith(ctx, func(e entity) {
		repository := strings.ToLower(e.annotation(slugAnnotation))
		if owner, name, found := strings.Cut(repository, "/"); found && owner != "" && name != "" && !strings.Contains(name, "/") {
			all = append(all, repository)
		} else if source := e.sourceRepository(); source != "" {
			all = append(all, source)
		}
	}, slugAnnotation, sourceAnnotation)
	if err != nil {
		return nil, fmt.Errorf("list the repositories in Backstage: %w", err)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}
