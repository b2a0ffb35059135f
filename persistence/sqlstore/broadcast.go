package sqlstore

import "sync"

// broadcast counts changes and wakes all goroutines that wait for the next one.
type broadcast struct {
	mutex sync.Mutex
	count int64
	next  chan struct{}
}

// revision returns the number of changes so far.
func (b *broadcast) revision() int64 {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.count
}

// wait returns the number of changes so far, and a channel that is closed with the next one.
func (b *broadcast) wait() (revision int64, next <-chan struct{}) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.count, b.next
}

func (b *broadcast) notify() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.count++
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}
