package explain

import (
	"context"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// foundDeployment is a deployment of one server and environment with its deliveries.
type foundDeployment struct {
	// tracked is what the rules have stored; before a status of success, failure or error it has only what the newest
	// delivery says.
	tracked    dora.DeploymentRecord
	deliveries []dora.StoredDelivery
}

// findDeployments returns the deployments with a name, owner/repo#id, of each server that has one, and of each environment that a
// status promoted it to. Without any, the error names similar ones: those of the number in another repository, else those of the
// repository with the nearest numbers.
func (x *explainer) findDeployments(ctx context.Context, name string) ([]foundDeployment, error) {
	owner, repository, id, ok := dora.ParseDeploymentName(name)
	if !ok {
		return nil, notFoundf("%q is not a deployment: must be owner/repo#id, with the number that GitHub gave it", name)
	}
	deliveries, err := x.DeliveriesOf(ctx, id)
	if err != nil {
		return nil, err
	}
	stored, err := x.Deployments(ctx, owner, repository, id)
	if err != nil {
		return nil, err
	}
	var found []foundDeployment
	for _, t := range stored {
		found = append(found, foundDeployment{tracked: t})
	}
	wanted := dora.RepositoryName(owner, repository)
	for _, d := range deliveries { // of a repository that was renamed meanwhile, one delivery with the name is enough
		if t := d.Event.Target(); t.RepositoryName() == wanted && indexOf(found, d.Event) < 0 {
			found = append(found, foundDeployment{tracked: dora.DeploymentRecord{Deployment: t}})
		}
	}
	for _, d := range deliveries {
		at := indexOf(found, d.Event)
		if at < 0 {
			continue
		}
		found[at].deliveries = append(found[at].deliveries, d)
		if t := &found[at].tracked; len(t.Outcomes) == 0 && t.Identity == "" {
			t.Deployment = d.Event.Target()
		}
	}
	if len(found) == 0 {
		if err := x.removedDeployment(ctx, name, owner, repository, id); err != nil {
			return nil, err
		}
		return nil, x.suggestDeployments(ctx, name, owner, repository, id, deliveries)
	}
	return found, nil
}

// indexOf returns the index of the deployment that an event is about: the one in its environment, else the one that no status has
// promoted, else any of its server; -1 if there is none.
func indexOf(found []foundDeployment, e dora.Event) int {
	environment, best := dora.FoldName(e.Environment()), -1
	for i, d := range found {
		switch t := d.tracked; {
		case t.Host != e.Target().Host:
		case dora.FoldName(t.Environment) == environment:
			return i
		case best < 0 || !t.Promoted:
			best = i
		}
	}
	return best
}

func (x *explainer) suggestDeployments(ctx context.Context, name, owner, repository string, id int64, sameNumber []dora.StoredDelivery) error {
	var names []string
	for _, d := range sameNumber {
		if other := d.Event.Target().DisplayName(); !slices.Contains(names, other) && len(names) < 3 {
			names = append(names, other)
		}
	}
	if len(names) > 0 {
		return notFoundf("no event names the deployment %s; did you mean %s?", name, strings.Join(names, " or "))
	}
	nearest, err := x.Nearest(ctx, owner, repository, id, 3)
	if err != nil {
		return err
	}
	if len(nearest) == 0 {
		return notFoundf("no event names the deployment %s, nor a finished one of %s/%s; does that repository's webhook point here?", name, owner, repository)
	}
	for _, t := range nearest {
		if name := t.DisplayName(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return notFoundf("no event names the deployment %s; the nearest of its repository: %s", name, strings.Join(names, ", "))
}
