package pipeline

import (
	"context"

	"dora-exporter/dora"
)

// byNewestName returns a commit by the newest known name of its repository, which is given by its key. GitHub redirects a former name
// only until another repository takes it.
func byNewestName(ctx context.Context, names repositoryNames, c dora.Commit, repository string) (dora.Commit, error) {
	name, err := names.NewestName(ctx, repository)
	if err != nil || name == "" {
		return c, err
	}
	return c.CalledBy(name), nil
}
