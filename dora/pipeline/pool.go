package pipeline

import (
	"context"
	"log/slog"
	"time"

	"dora-exporter/dora"
)

// lookups is how many things are looked up at the same time.
const lookups = 8

// pool runs what is due in the store, several at a time, each once at a time.
type pool[T any] struct {
	// name is what the log calls it.
	name   string
	store  dora.Store
	logger *slog.Logger
	due    func(ctx context.Context, limit int) ([]T, error)
	key    func(T) string
	// run does one; it has to make sure that it is not due for a while when it failed.
	run func(context.Context, T)
}

// work returns when ctx has ended and nothing runs any more.
func (p pool[T]) work(ctx context.Context) {
	running := map[string]bool{}
	done := make(chan string)
	for ctx.Err() == nil {
		changed := p.store.Changed()
		due, err := p.due(ctx, lookups+len(running))
		if err != nil && ctx.Err() == nil {
			p.logger.Error("can't read "+p.name+", trying again", "error", err)
			sleep(ctx, dora.Backoff(1), nil)
		}
		for _, one := range due {
			key := p.key(one)
			if running[key] || len(running) == lookups {
				continue
			}
			running[key] = true
			go func() {
				p.run(ctx, one)
				done <- key
			}()
		}
		if len(running) == lookups {
			changed = nil
		}
		timer := time.NewTimer(idle / 2)
		select {
		case key := <-done:
			delete(running, key)
		case <-changed:
			timer.Reset(gather)
			select {
			case key := <-done:
				delete(running, key)
			case <-timer.C:
			case <-ctx.Done():
			}
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	for range running {
		<-done
	}
}
