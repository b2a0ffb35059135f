package pipeline

import "dora-exporter/dora"

// log writes the documented line of an event, with names as they are in the labels: what comes from outside is bounded.
func (p *Processor) log(d ownedDelivery) {
	switch e := d.Event; {
	case e.Status != nil:
		p.Logger.InfoContext(d.within, "", "endpoint", d.Source, "environment", dora.LabelValue(e.Status.Deployment.Environment),
			"repository", dora.LabelValue(e.Status.Deployment.Repository), "status", dora.LabelValue(e.Status.State), "team", d.team, "sha", dora.LabelValue(e.Status.Deployment.SHA))
		p.Logger.DebugContext(d.within, "", "counter", "deployments_count", "action", "inc")
	case e.Deployment != nil:
		p.Logger.InfoContext(d.within, "", "endpoint", d.Source, "environment", dora.LabelValue(e.Deployment.Environment),
			"repository", dora.LabelValue(e.Deployment.Repository), "status", "created", "team", d.team, "sha", dora.LabelValue(e.Deployment.SHA))
	case e.Incident != nil:
		p.Logger.InfoContext(d.within, "", "endpoint", d.Source, "event", e.Incident.Event, "key", dora.LabelValue(e.Incident.Key),
			"issue_status", dora.LabelValue(e.Incident.StatusName), "project", dora.LabelValue(e.Incident.Project), "team", d.team)
	}
}
