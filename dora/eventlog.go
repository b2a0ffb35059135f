package dora

// log writes the documented line of an event, with names as they are in the labels: what comes from outside is bounded.
func (p *Processor) log(d decided) {
	switch e := d.Event; {
	case e.Status != nil:
		p.Logger.InfoContext(d.within, "", "endpoint", d.Source, "environment", labelValue(e.Status.Deployment.Environment),
			"repository", labelValue(e.Status.Deployment.Repository), "status", labelValue(e.Status.State), "team", d.team, "sha", labelValue(e.Status.Deployment.SHA))
		p.Logger.DebugContext(d.within, "", "counter", "deployments_count", "action", "inc")
	case e.Deployment != nil:
		p.Logger.InfoContext(d.within, "", "endpoint", d.Source, "environment", labelValue(e.Deployment.Environment),
			"repository", labelValue(e.Deployment.Repository), "status", "created", "team", d.team, "sha", labelValue(e.Deployment.SHA))
	case e.Incident != nil:
		p.Logger.InfoContext(d.within, "", "endpoint", d.Source, "event", e.Incident.Event, "key", labelValue(e.Incident.Key),
			"issue_status", labelValue(e.Incident.StatusName), "project", labelValue(e.Incident.Project), "team", d.team)
	}
}
