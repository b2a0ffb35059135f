package dora

import "time"

// WebhookRequest describes a webhook request that has been received, for tracing.
type WebhookRequest struct {
	// Route is its path.
	Route string
	// Event is empty if it is unknown, Key if the request contains no delivery.
	Event, Key string
	// Result is the value of the label result of the delivery metric, Status the HTTP status of the answer.
	Result string
	Status int
	// Arrived is when the request arrived. StoreStart and StoreEnd enclose the attempt to store its delivery; zero if there was none.
	Arrived, StoreStart, StoreEnd time.Time
	// Stored is true if this request stored the delivery, false for a duplicate.
	Stored bool
}
