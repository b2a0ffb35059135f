package org

import "encoding/json"

// Statuses returns the bodies of the webhooks deployment_status of a repository, in the order of the deployments.
func (o *Org) Statuses(index int) (bodies []string) {
	r := o.at(index)
	repository := object{
		"id": r.id, "name": r.name, "full_name": r.fullName(), "owner": object{"login": r.owner}, "default_branch": mainBranch,
		"url": "https://api.github.com/repos/" + r.fullName(), "html_url": "https://github.com/" + r.fullName(),
	}
	for _, d := range r.deployments {
		for _, s := range d.statuses {
			body, err := json.Marshal(object{
				"action": "created", "deployment": d.rest(), "repository": repository,
				"deployment_status": object{"id": s.id, "state": s.state, "environment": d.environment, "created_at": stamp(s.at)},
			})
			if err != nil {
				panic(err)
			}
			bodies = append(bodies, string(body))
		}
	}
	return bodies
}
