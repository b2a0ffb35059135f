package page

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"dora-exporter/dora"
)

// maxDeliveries is how many deliveries the page shows.
const maxDeliveries = 50

// delivery is a delivery with its results.
type delivery struct {
	ID       int64
	Key      string
	Received time.Time
	// Event is what happened, About to what; Link is the path of its explanation, empty if there is none.
	Event, About, Link string
	// State is processed, waiting or set_aside: a class of the style sheet.
	State   string
	Results []result
}

// result is one thing that follows from a delivery.
type result struct {
	Text string
	// Series is the series that it was counted in, Link the path of its explanation; empty if there is none.
	Series, Link string
	// pending is true if something is still to be done.
	pending bool
}

// readDeliveries returns the newest deliveries, the newest first.
func (p *Pages) readDeliveries(ctx context.Context) (all []delivery, err error) {
	err = p.options.Snapshot(ctx, func(r Reader) error {
		found, err := r.Recent(ctx, maxDeliveries)
		if err != nil {
			return err
		}
		facts, err := readEventFacts(ctx, r, found)
		if err != nil {
			return err
		}
		reader := resultReader{Reader: r, facts: facts, reason: p.options.Explain.Reason}
		for i := len(found) - 1; i >= 0; i-- {
			d, err := reader.delivery(ctx, found[i])
			if err != nil {
				return err
			}
			all = append(all, d)
		}
		return nil
	})
	return all, err
}

// delivery describes a delivery.
func (r resultReader) delivery(ctx context.Context, stored dora.StoredDelivery) (delivery, error) {
	d := delivery{ID: stored.ID, Key: stored.Key, Received: stored.Received, Event: stored.Event.Name(), State: "processed"}
	switch e := stored.Event; {
	case e.Incident != nil:
		d.About, d.Link = e.Incident.Key, linkToIncident(e.Incident.Key)
	case e.Status != nil || e.Deployment != nil:
		target := e.Target()
		d.About, d.Link = target.DisplayName(), linkToDeployment(target)
		if e.Status != nil {
			d.Event = e.Status.State
		}
		d.Event += ", " + stored.Event.Environment()
	default:
		d.Event = stored.Key
	}
	var err error
	switch stored.State {
	case dora.DeliveryPending:
		d.Results = []result{{Text: pendingText(stored), pending: true}}
	case dora.DeliverySetAside:
		d.State, d.Results = "set_aside", []result{{Text: "dead letter: " + stored.LastError}}
	default:
		d.Results, err = r.results(ctx, stored.Event)
	}
	for _, result := range d.Results {
		if result.pending {
			d.State = "waiting"
		}
	}
	return d, err
}

func pendingText(d dora.StoredDelivery) string {
	switch {
	case d.LastError != "":
		return fmt.Sprintf("failed %s, next attempt at %s: %s", dora.FormatTimes(d.Attempts), dora.FormatTime(d.Due), d.LastError)
	case d.Due.UnixMilli() > 0:
		return "waiting for its team"
	}
	return "waiting to be processed"
}

// linkToDeployment returns the path of the explanation of a deployment; empty if it has a name that GitHub does not allow.
func linkToDeployment(d dora.Deployment) string {
	if _, _, _, ok := dora.ParseDeploymentName(d.DisplayName()); !ok {
		return ""
	}
	return fmt.Sprintf("/explain/deployment/%s/%s/%d", url.PathEscape(d.Owner), url.PathEscape(d.Repository), d.ID)
}

func linkToIncident(key string) string {
	if !dora.IsIssueKey(key) {
		return ""
	}
	return "/explain/incident/" + url.PathEscape(key)
}

func linkToMetric(series string) string {
	return "/explain/metric?" + url.Values{"series": {series}}.Encode()
}
