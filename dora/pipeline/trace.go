package pipeline

import "context"

// Trace starts a step of the traces of the deliveries with some keys. It returns the context for the step's calls and log lines, and
// a function that ends the step; a second call of that function does nothing. A nil Trace records nothing.
type Trace func(ctx context.Context, step string, keys ...string) (context.Context, func(error))

// The names of the steps, which become names of spans.
const (
	stepProcess  = "process"
	stepLookUp   = "look up commit"
	stepEvaluate = "settle deployment"
)

func (t Trace) step(ctx context.Context, step string, keys ...string) (context.Context, func(error)) {
	if t == nil {
		return ctx, func(error) {}
	}
	return t(ctx, step, keys...)
}
