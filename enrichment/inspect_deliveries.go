package enrichment

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// hookDelivery is an attempt of a webhook to deliver an event. Those of the same event have the same GUID.
type hookDelivery struct {
	GUID        string    `json:"guid"`
	Event       string    `json:"event"`
	DeliveredAt time.Time `json:"delivered_at"`
	StatusCode  int       `json:"status_code"`
	Status      string    `json:"status"`
}

func (d hookDelivery) succeeded() bool { return d.StatusCode/100 == 2 }

func (d hookDelivery) time() string { return d.DeliveredAt.UTC().Format(time.RFC3339) }

// inspectDeliveries checks the last deliveries of a webhook.
func (i *inspection) inspectDeliveries(ctx context.Context, g *GitHub, what, path string) {
	last, o := ask[[]hookDelivery](ctx, g, path+"?per_page=10")
	if o.err != nil {
		i.warn(fmt.Sprintf("%s sends deployments; its deliveries can't be read: %v%s", what, o.err, i.insteadOfRepair()), "give the credential read access to webhooks")
		return
	}
	events, pings := newestByEvent(last)
	var failed []hookDelivery
	for _, d := range events {
		if !d.succeeded() {
			failed = append(failed, d)
		}
	}
	switch {
	case len(events) == 0 && len(pings) > 0 && !pings[0].succeeded():
		i.fail(fmt.Sprintf("the ping of %s, of %s, failed with %s", what, pings[0].time(), pings[0].answer()), deliveryRemedy(pings[0].StatusCode, i.Account.Key))
	case len(events) == 0 && len(pings) > 0:
		i.pass("%s sends deployments, and has delivered nothing but a ping in the last days", what)
	case len(events) == 0:
		i.pass("%s sends deployments, and has delivered nothing in the last days", what)
	case len(failed) == 0:
		i.pass("%s sends deployments; the last delivery, of %s, was answered with %d", what, events[0].time(), events[0].StatusCode)
	case events[0].succeeded():
		i.warn(fmt.Sprintf("%d of the last %d deliveries of %s failed, the newest of these, of %s, with %s", len(failed), len(events), what, failed[0].time(), failed[0].answer()),
			deliveryRemedy(failed[0].StatusCode, i.Account.Key))
	default:
		i.fail(fmt.Sprintf("%d of the last %d deliveries of %s failed, the newest, of %s, with %s", len(failed), len(events), what, failed[0].time(), failed[0].answer()),
			deliveryRemedy(failed[0].StatusCode, i.Account.Key))
	}
}

// newestByEvent returns an attempt for each event of a list, the newest first: one that succeeded, else the newest. Pings are apart: that
// they are delivered does not tell whether deployments are.
func newestByEvent(attempts []hookDelivery) (events, pings []hookDelivery) {
	indexes := map[string]int{}
	for _, d := range attempts {
		if d.Event == "ping" {
			pings = append(pings, d)
			continue
		}
		at, known := indexes[d.GUID]
		switch {
		case !known || d.GUID == "":
			indexes[d.GUID] = len(events)
			events = append(events, d)
		case d.succeeded() && !events[at].succeeded():
			events[at] = d
		}
	}
	return events, pings
}

func (d hookDelivery) answer() string {
	if d.StatusCode == 0 {
		return fmt.Sprintf("%.60q", d.Status)
	}
	return fmt.Sprintf("status %d", d.StatusCode)
}

// deliveryRemedy returns what to do about the status of a delivery.
func deliveryRemedy(status int, key string) string {
	switch status {
	case 0:
		return "make the URL of the webhook reachable for GitHub"
	case http.StatusUnauthorized:
		return "set the secret of the webhook to that of " + key + ".webhook_secret, and redeliver"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return "correct the URL of the webhook: it ends in /api/github"
	}
	return "see the log of the exporter, or of the proxy before it, and redeliver"
}
