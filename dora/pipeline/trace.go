package pipeline

import (
	"context"
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
