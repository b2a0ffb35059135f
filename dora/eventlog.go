package dora

// log writes the documented line of an event.
func (p *Processor) log(d decided) {
	switch e := d.Event; {
	case e.Status != nil:
		p.Logger.Info("", "endpoint", d.Source, "environment", e.Status.Deployment.Environment,
			"repository", e.Status.Deployment.Repository, "status", e.Status.State, "team", d.team, "sha", e.Status.Deployment.SHA)
		p.Logger.Debug("", "counter", "deployments_count", "action", "inc")
	case e.Deployment != nil:
		p.Logger.Info("", "endpoint", d.Source, "environment", e.Deployment.Environment,
			"repository", e.Deployment.Repository, "status", "created", "team", d.team, "sha", e.Deployment.SHA)
	case e.Incident != nil:
		p.Logger.Info("", "endpoint", d.Source, "event", e.Incident.Event, "key", e.Incident.Key,
			"issue_status", e.Incident.StatusName, "project", e.Incident.Project, "team", d.team)
	}
}
