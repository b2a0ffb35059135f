package app

import (
	"context"
	"time"

	"dora-exporter/instrumentation"
	"dora-exporter/persistence/sqlstore"
)

// pools returns a function that reads the state of the pools of connections to the database; nil if the store is a file.
func (p *parts) pools() func() []instrumentation.Pool {
	if p.store.writeConnections == nil {
		return nil
	}
	return func() []instrumentation.Pool {
		all := []instrumentation.Pool{{Name: "write", Connections: instrumentation.Connections(p.store.writeConnections())}}
		for name, reader := range map[string]*sqlstore.Reader{"read": p.store.Reader, "pages": p.reader} {
			if reader != nil { // there may be no pages
				all = append(all, instrumentation.Pool{Name: name, Connections: instrumentation.Connections(reader.Connections())})
			}
		}
		return all
	}
}

// leases returns a function that returns what this server knows of the leases on work; nil if the store is a file.
func (p *parts) leases() func() []instrumentation.Leases {
	if p.store.isShared == nil {
		return nil
	}
	return func() (all []instrumentation.Leases) {
		for _, state := range p.store.Leases() {
			all = append(all, instrumentation.Leases(state))
		}
		return all
	}
}

// unclaimedLeases returns a function that reads from the store for how long leases have been expired; nil if the store is a file.
func (p *parts) unclaimedLeases() func(context.Context) (map[string]time.Duration, error) {
	if p.store.isShared == nil {
		return nil
	}
	return func(ctx context.Context) (map[string]time.Duration, error) {
		return p.store.UnclaimedLeases(ctx, p.clock.Now())
	}
}
