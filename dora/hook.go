package dora

import (
	"errors"
	"time"
)

// ErrNoHooks is in the error of a call if the credential may not read webhooks, or the server has no such thing.
var ErrNoHooks = errors.New("webhooks can't be read")

// Hook is a webhook that sends deployments to an exporter.
type Hook struct {
	// Path is its path in the API of its server, such as /orgs/acme/hooks/7.
	Path string
	// Changed is when it was made or changed last: what happened before may not have been sent. It is zero if the server does not tell.
	Changed time.Time
}

// HookDelivery is an attempt of GitHub to deliver an event. Another attempt to deliver the same event has the same GUID.
// https://docs.github.com/en/rest/orgs/webhooks#list-deliveries-for-an-organization-webhook
type HookDelivery struct {
	ID   int64     `json:"id"`
	GUID string    `json:"guid"`
	At   time.Time `json:"delivered_at"`
	// Status is that of the answer; 0 if there was none.
	Status int    `json:"status_code"`
	Event  string `json:"event"`
	Action string `json:"action"`
}
