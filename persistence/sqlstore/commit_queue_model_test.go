package sqlstore

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

var errCommit = errors.New("the commit failed")

// queueModel drives a real queue through its atomic steps: callers that push and give up, the committer that wakes, claims,
// and commits or fails, and the stop. It records what the callers and the committer have seen.
type queueModel struct {
	queue   *commitQueue
	ops     []*op
	callers []callerState
	order   []int // those that should wait, in the order in which they are claimed

	leading bool
	group   []int // claimed and not answered
	closed  bool
	exited  bool // the committer
	// dirty is true while a write was pushed that no commit has followed.
	dirty bool
	wrong []string
}

type callerState byte

const (
	notPushed callerState = iota
	isWaiting
	wasRefused
	isClaimed
	hasAnswer
	gaveUpWaiting // abandon said that the write had not begun
	gaveUpClaimed // abandon said that it had
	gaveUpAnswer  // likewise, and it was answered
)

// newModel makes a queue that holds limit bounded writes; the callers' writes are bounded but the last one's.
func newModel(callers, limit int) *queueModel {
	m := &queueModel{queue: newQueue(limit), callers: make([]callerState, callers)}
	for i := range callers {
		o := newOp(nil)
		o.bounded = i < callers-1
		m.ops = append(m.ops, o)
	}
	return m
}

func (m *queueModel) failf(format string, args ...any) {
	m.wrong = append(m.wrong, fmt.Sprintf(format, args...))
}

// steps returns what can happen next.
func (m *queueModel) steps() []string {
	var all []string
	for i, c := range m.callers {
		switch c { //nolint:exhaustive // the others have no next step
		case notPushed:
			if last := len(m.callers) - 1; i == 0 || i == last || m.callers[i-1] != notPushed { // the bounded ones are alike
				all = append(all, fmt.Sprint("push ", i))
			}
		case isWaiting, isClaimed:
			all = append(all, fmt.Sprint("abandon ", i))
		}
	}
	if !m.closed {
		all = append(all, "stop")
	}
	switch {
	case m.leading:
		all = append(all, "claim", "commit", "fail")
	case !m.exited && m.closed:
		all = append(all, "exit")
	}
	if !m.leading && !m.exited && len(m.queue.wake) > 0 {
		all = append(all, "wake") // even when it could exit: select takes either
	}
	return all
}

// step makes one step.
func (m *queueModel) step(name string) {
	var i int
	_, _ = fmt.Sscanf(strings.TrimLeft(name, "abcdefghijklmnopqrstuvwxyz"), "%d", &i)
	switch verb, _, _ := strings.Cut(name, " "); verb {
	case "push":
		m.push(i)
	case "abandon":
		notBegun := m.queue.abandon(m.ops[i])
		if notBegun != (m.callers[i] == isWaiting) {
			m.failf("abandon of %d says that it had not begun: %v", i, notBegun)
		}
		if notBegun {
			m.callers[i] = gaveUpWaiting
			m.order = slices.DeleteFunc(m.order, func(j int) bool { return j == i })
		} else {
			m.callers[i] = gaveUpClaimed
		}
	case "wake":
		<-m.queue.wake
		m.leading = true
	case "claim":
		m.claim()
	case "commit":
		m.queue.committed()
		m.dirty = len(m.order) > 0
		m.finish(nil)
	case "fail": // also when another process has the lock: then nothing was claimed
		m.finish(errCommit)
	case "stop":
		m.queue.close()
		m.closed = true
		for _, i := range m.order {
			m.callers[i] = hasAnswer
		}
		m.order = nil
	case "exit":
		m.exited = true
	}
}

func (m *queueModel) push(i int) {
	bounded := 0
	for _, j := range m.order {
		if m.ops[j].bounded {
			bounded++
		}
	}
	want := error(nil)
	switch {
	case m.closed:
		want = ErrClosed
	case m.ops[i].bounded && bounded >= m.queue.limit:
		want = ErrOverloaded
	}
	if err := m.queue.push(m.ops[i]); !errors.Is(err, want) {
		m.failf("push of %d = %v, want %v", i, err, want)
	}
	m.callers[i] = wasRefused
	if want == nil {
		m.callers[i], m.dirty = isWaiting, true
		m.order = append(m.order, i)
		slices.SortStableFunc(m.order, func(a, b int) int { // the last caller has an update
			return cmp.Compare(a/(len(m.callers)-1), b/(len(m.callers)-1))
		})
	}
}

func (m *queueModel) claim() {
	o := m.queue.next()
	if len(m.order) == 0 {
		if o != nil {
			m.failf("%d was claimed, which does not wait", slices.Index(m.ops, o))
		}
		return
	}
	first := m.order[0]
	if o != m.ops[first] {
		m.failf("%d was claimed, %d is next", slices.Index(m.ops, o), first)
		return
	}
	m.order = m.order[1:]
	m.callers[first] = isClaimed
	m.group = append(m.group, first)
}

func (m *queueModel) finish(err error) {
	var ops []*op
	for _, i := range m.group {
		ops = append(ops, m.ops[i])
		if m.callers[i] == isClaimed {
			m.callers[i] = hasAnswer
		} else {
			m.callers[i] = gaveUpAnswer
		}
	}
	completeOps(ops, err)
	m.group, m.leading = nil, false
	m.queue.rewake()
}

// check compares the queue with what the callers have seen.
func (m *queueModel) check() {
	for i, c := range m.callers {
		answered := false
		select {
		case <-m.ops[i].done:
			answered = true
		default:
		}
		if answered != (c == hasAnswer || c == gaveUpAnswer) {
			m.failf("caller %d in state %d is answered: %v", i, c, answered)
		}
	}
	waiting, stalled := m.queue.state()
	if waiting != len(m.order) {
		m.failf("%d wait, want %d", waiting, len(m.order))
	}
	if (stalled > 0) != m.dirty {
		m.failf("something is uncommitted: %v, want %v", stalled > 0, m.dirty)
	}
	if len(m.order) > 0 && !m.leading && (m.exited || len(m.queue.wake) == 0) {
		m.failf("%v wait and nobody can lead", m.order)
	}
}

// key identifies a state: two paths with the same key have the same future.
func (m *queueModel) key() string {
	b := make([]byte, 0, 32)
	for _, c := range m.callers {
		b = append(b, byte(c))
	}
	for _, chosen := range [][]int{m.order, m.group} {
		b = append(b, '|')
		for _, i := range chosen {
			b = append(b, byte(i))
		}
	}
	for _, is := range []bool{m.leading, m.closed, m.exited, m.dirty, len(m.queue.wake) > 0} {
		if b = append(b, 0); is {
			b[len(b)-1] = 1
		}
	}
	return string(b)
}

// drain lets the committer alone go on until it has nothing to do; then everybody who waits must have an answer.
func (m *queueModel) drain() {
	for range 3 * len(m.ops) {
		switch {
		case m.leading && len(m.order) > 0:
			m.step("claim")
		case m.leading:
			m.step("commit")
		case len(m.queue.wake) > 0 && !m.exited:
			m.step("wake")
		}
	}
	m.check()
	if i := slices.IndexFunc(m.callers, func(c callerState) bool { return c == isWaiting || c == isClaimed }); i >= 0 {
		m.failf("caller %d never gets an answer", i)
	}
}

func replay(callers, limit int, path []string) *queueModel {
	m := newModel(callers, limit)
	for _, name := range path {
		m.step(name)
	}
	m.check() // the states before were checked when they were reached
	return m
}

// All states that a small queue can reach, by any interleaving, keep the promises: each write that is not abandoned is
// answered exactly once (a second answer panics), one that was abandoned in time never runs, somebody can always lead
// while something waits, only deliveries are refused, and after the stop all are answered.
func TestQueueInEveryInterleaving(t *testing.T) {
	for _, size := range []struct{ callers, limit int }{{1, 1}, {2, 1}, {3, 1}, {3, 2}, {4, 2}} {
		t.Run(fmt.Sprintf("callers=%d,limit=%d", size.callers, size.limit), func(t *testing.T) {
			if size.callers > 3 && testing.Short() {
				t.Skip("takes seconds")
			}
			seen := map[string]bool{newModel(size.callers, size.limit).key(): true}
			edges := 0
			for paths := [][]string{nil}; len(paths) > 0; {
				path := paths[0]
				paths = paths[1:]
				steps := replay(size.callers, size.limit, path).steps()
				for _, name := range steps {
					edges++
					next := append(slices.Clone(path), name)
					m := replay(size.callers, size.limit, next)
					key, wrong := m.key(), m.wrong
					if !seen[key] {
						seen[key] = true
						paths = append(paths, next)
						m.drain()
						wrong = m.wrong
					}
					if len(wrong) > 0 {
						t.Fatalf("after %s: %s", strings.Join(next, ", "), strings.Join(wrong, "; "))
					}
				}
			}
			if edges < 6*size.callers {
				t.Errorf("only %d steps were explored", edges)
			}
			t.Logf("%d states, %d steps", len(seen), edges)
		})
	}
}

// Deliveries that arrive without a pause hold an update up for a while only.
func TestDeliveriesOvertakeUpdates(t *testing.T) {
	q := newQueue(MaxWaiting)
	push := func(bounded bool) *op {
		o := newOp(nil)
		o.bounded = bounded
		if err := q.push(o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	updates := []*op{push(false), push(false)}
	for _, update := range updates {
		for range 2 * maxAhead {
			push(true)
		}
		for n := 0; n < maxAhead; n++ {
			if o := q.next(); !o.bounded {
				t.Fatalf("an update is claimed after %d deliveries", n)
			}
		}
		if q.next() != update {
			t.Fatalf("the update is not claimed after %d deliveries", maxAhead)
		}
	}
}

// An update overtakes those in the background, but one of these is claimed between two others.
func TestUpdatesTakeTurns(t *testing.T) {
	q := newQueue(MaxWaiting)
	names := map[*op]string{}
	push := func(name string, kind func(*op)) {
		o := newOp(nil)
		kind(o)
		names[o] = name
		if err := q.push(o); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		push(fmt.Sprint("background ", i), func(o *op) { o.background = true })
	}
	for i := range 2 {
		push(fmt.Sprint("update ", i), func(*op) {})
	}
	push("delivery", func(o *op) { o.bounded = true })
	var got []string
	for o := q.next(); o != nil; o = q.next() {
		got = append(got, names[o])
	}
	want := []string{"delivery", "update 0", "background 0", "update 1", "background 1", "background 2"}
	if !slices.Equal(got, want) {
		t.Errorf("claimed in the order %q, want %q", got, want)
	}
	if n := q.waiting(); n != 0 {
		t.Errorf("%d are waiting", n)
	}
}
