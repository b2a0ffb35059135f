package pipeline

import (
	"context"
	"fmt"
	"strings"
)

// Trace begins a step on the way of the deliveries with some keys. It returns the context of what the step calls, whose log
// lines tell the trace, and a function that ends the step; a second call of that does nothing. A nil Trace follows nothing.
type Trace func(ctx context.Context, step string, keys ...string) (context.Context, func(error))

// The steps.
const (
	stepProcess = "process"
	stepLookUp  = "look up commit"
	stepSettle  = "settle deployment"
)

func (t Trace) step(ctx context.Context, step string, keys ...string) (context.Context, func(error)) {
	if t == nil {
		return ctx, func(error) {}
	}
	return t(ctx, step, keys...)
}

// StatusKey is the key of the delivery of a deployment's status.
func StatusKey(host string, id int64) string {
	return fmt.Sprintf("github/%s/deployment_status/%d", host, id)
}

// StatusKeyOf is that of the status which the key in a fact's subject names.
func StatusKeyOf(key string) string {
	slash := strings.LastIndexByte(key, '/')
	return "github/" + key[:max(slash, 0)] + "/deployment_status/" + key[slash+1:]
}
