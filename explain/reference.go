package explain

import (
	"context"
	"fmt"
	"strings"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// Reference is a reference in the text of an issue, with the deployments that it means.
type Reference struct {
	Reference   string            `json:"reference"`
	Deployments []NamedDeployment `json:"deployments"`
}

// NamedDeployment is a deployment, and what follows from the issue naming it.
type NamedDeployment struct {
	Deployment string `json:"deployment"`
	Means      string `json:"means"`
}

// references returns what an incident names, and all deployments that this means.
func (x *explainer) references(ctx context.Context, i dora.Incident) (all []Reference, named []dora.DeploymentRecord, err error) {
	all = []Reference{}
	for _, r := range i.References {
		found, err := x.Named(ctx, r)
		if err != nil {
			return nil, nil, err
		}
		ref := Reference{Reference: referenceName(r), Deployments: []NamedDeployment{}}
		for _, t := range found {
			means := "it succeeded before the issue was created: the newest of these is the failed change"
			if reason := rules.ReferenceReason(i, t); reason != "" {
				means = Reason(reason)
			}
			ref.Deployments = append(ref.Deployments, NamedDeployment{t.DisplayName(), means})
		}
		all, named = append(all, ref), append(named, found...)
	}
	return all, named, nil
}

// referenceName writes a reference as owner/repo#12, owner/repo@c0ffee or c0ffee.
func referenceName(r dora.Reference) string {
	repository := ""
	if r.Repository != "" {
		repository = r.Owner + "/" + r.Repository
	}
	switch {
	case r.Commit != "":
		return strings.TrimPrefix(repository+"@"+r.Commit, "@")
	case r.Deployment != 0:
		return fmt.Sprintf("%s#%d", repository, r.Deployment)
	}
	return fmt.Sprintf("%s#%d", repository, r.PullRequest)
}
