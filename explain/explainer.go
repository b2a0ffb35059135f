package explain

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"dora-exporter/dora"
)

// explainer makes one explanation. It remembers the names that it has read.
type explainer struct {
	Reader
	names map[string]string
}

func newExplainer(r Reader) *explainer { return &explainer{Reader: r, names: map[string]string{}} }

// deploymentName returns the name of a deployment, owner/repo#id, by its key.
func (x *explainer) deploymentName(ctx context.Context, key string) (string, error) {
	return x.name("deployment "+key, func() (string, error) {
		t, known, err := x.Deployment(ctx, key)
		if !known {
			return "deployment " + key, err
		}
		return t.DisplayName(), err
	})
}

// deploymentInScope returns the name of the deployment of a scope with a number.
func (x *explainer) deploymentInScope(ctx context.Context, scope string, id int64) (string, error) {
	all, err := x.WithNumber(ctx, id)
	for _, t := range all {
		if t.Scope() == scope {
			return t.DisplayName(), err
		}
	}
	_, name, _ := strings.Cut(dora.RepositoryOf(scope), "/")
	return name + "#" + strconv.FormatInt(id, 10), err
}

// incidentName returns the name of an issue, such as INC-7, by its key.
func (x *explainer) incidentName(ctx context.Context, key string) (string, error) {
	return x.name("incident "+key, func() (string, error) {
		i, _, err := x.Incident(ctx, key)
		return cmp.Or(i.Name, "incident "+key), err
	})
}

// evidenceName returns the name of what is evidence or a repair for a cause: an incident or a deployment.
func (x *explainer) evidenceName(ctx context.Context, c dora.Cause, by string) (string, error) {
	if !c.Rework() {
		return x.incidentName(ctx, by)
	}
	return x.deploymentName(ctx, dora.DeploymentOf(by))
}

// name returns a name that is read at most once.
func (x *explainer) name(key string, read func() (string, error)) (string, error) {
	if name, ok := x.names[key]; ok {
		return name, nil
	}
	name, err := read()
	if err == nil {
		x.names[key] = name
	}
	return name, err
}

// shortName abbreviates a SHA; other names are left as they are.
func shortName(name string) string {
	if len(name) == 40 {
		return name[:10]
	}
	return name
}
