package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dora-exporter/dora"
)

// Several clients share the work of a store: each item is done once, whatever their timing.
func clientRules() rules {
	return rules{"share": clientsShareTheWork, "takeover": clientsTakeOver}
}

// clientsShareTheWork has four goroutines of two clients empty each queue.
func clientsShareTheWork(t *testing.T, s Store) {
	const items = 24
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var names []string
	for i := range items {
		names = append(names, fmt.Sprintf("%02d", i))
	}
	clients := []Client{s.Client("a"), s.Client("b")}
	for _, q := range queues() {
		q.add(t, s, minute(0), names...)
		var done atomic.Int32
		var held sync.Map
		var wait sync.WaitGroup
		for i := range 2 * len(clients) {
			c := clients[i%len(clients)]
			wait.Go(func() {
				w := q.open(c)
				for done.Load() < items && ctx.Err() == nil && !t.Failed() {
					claimed := w.claim(t, minute(0), time.Hour, 3)
					for _, name := range claimed {
						if _, twice := held.LoadOrStore(name, true); twice {
							t.Errorf("%s %s was claimed twice at the same time", q.name, name)
						}
					}
					for _, name := range claimed {
						err := c.Update(t.Context(), func(tx dora.Tx) error {
							added, err := tx.Facts().Add(fact(q.name + "/" + name))
							if err == nil && !added {
								err = errors.New("it is done twice")
							}
							return errors.Join(err, w.end(tx, name))
						})
						if err != nil {
							t.Errorf("%s %s: %v", q.name, name, err)
						}
						done.Add(1)
					}
					for _, name := range claimed {
						held.Delete(name)
					}
					w.release(t, claimed...)
				}
			})
		}
		wait.Wait()
	}
	same(t, "facts", int64(items*len(queues())), must[int64](t)(s.LastPosition(t.Context())))
}

// clientsTakeOver has two clients compete for work with leases that lapse all the time: of those who claim the same work one ends
// it, and the transactions of the others fail.
func clientsTakeOver(t *testing.T, s Store) {
	const items = 3
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var now atomic.Int64 // minutes of the store's clock
	for _, q := range queues() {
		q.add(t, s, minute(0), "1", "2", "3")
		var ended atomic.Int32
		var wait sync.WaitGroup
		for _, name := range []string{"a", "b"} {
			c := s.Client(name)
			wait.Go(func() {
				w := q.open(c)
				for ended.Load() < items && ctx.Err() == nil && !t.Failed() {
					claimed := w.claim(t, minute(int(now.Add(1))), time.Minute, items)
					for _, item := range claimed {
						err := c.Update(t.Context(), func(tx dora.Tx) error { return w.end(tx, item) })
						switch {
						case err == nil:
							ended.Add(1)
						case !errors.Is(err, dora.ErrLeaseLost):
							t.Errorf("%s %s: %v", q.name, item, err)
						}
					}
					w.release(t, claimed...)
				}
			})
		}
		wait.Wait()
		same(t, q.name+" ended", int32(items), ended.Load())
	}
}
