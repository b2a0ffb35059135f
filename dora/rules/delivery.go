package rules

import (
	"errors"

	"dora-exporter/dora"
)

// Deliver runs the rules on one delivery.
func (r *Session) Deliver(d dora.Delivery, team string) error {
	var err error
	switch e := d.Event; {
	case d.Unreadable != nil:
		err = d.Unreadable
	case e.Status != nil:
		err = r.status(*e.Status, team)
	case e.Deployment != nil:
		err = r.deployment(*e.Deployment, team, e.Deployment.CreatedAt)
	case e.Incident != nil:
		err = r.incident(*e.Incident, team)
	default:
		err = errors.New("an event of a kind that this version does not know")
	}
	if err != nil {
		return err
	}
	return r.Deliveries().Done(d.ID)
}
