package workload

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Sender sends the webhooks of a history in its order, each connection those of one deployment after another, without a pause.
type Sender struct {
	// History has the deployments.
	History History
	// Addresses are those of the exporters, which the connections take in turn.
	Addresses []string
	// Connections is how many connections send at the same time.
	Connections int

	// next is the index of the next deployment.
	next atomic.Int64
	// longest is the longest time for which a request waited for its answer, in nanoseconds.
	longest atomic.Int64
}

// Send sends the webhooks up to a deployment, beginning where the last call ended. It ends earlier, without an error, when ctx does.
func (s *Sender) Send(ctx context.Context, until int) error {
	var running sync.WaitGroup
	failed := make([]error, s.Connections)
	for i := range s.Connections {
		running.Go(func() { failed[i] = s.sendOn(ctx, s.Addresses[i%len(s.Addresses)], int64(until)) })
	}
	running.Wait()
	return errors.Join(failed...)
}

// Sent returns how many deployments were sent.
func (s *Sender) Sent() int { return int(s.next.Load()) }

// Longest returns the longest time that a request has waited for its answer since the last call; 0 if none was answered.
func (s *Sender) Longest() time.Duration { return time.Duration(s.longest.Swap(0)) }

// sendOn sends on one connection. It writes the requests itself, since a client of net/http would need as much of the CPU as the exporter.
func (s *Sender) sendOn(ctx context.Context, address string, until int64) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("connect to the exporter: %w", err)
	}
	defer func() { _ = conn.Close() }()
	answers := bufio.NewReader(conn)
	for ctx.Err() == nil {
		i := s.next.Add(1) - 1
		if i >= until {
			s.next.Add(-1)
			return nil
		}
		for _, w := range s.History.Deployment(int(i)).webhooks() {
			if err := s.post(conn, answers, address, w); err != nil {
				return fmt.Errorf("send a webhook of deployment %d: %w", i, err)
			}
		}
	}
	return nil
}

// patience is how long an answer may take.
const patience = 5 * time.Minute

func (s *Sender) post(conn net.Conn, answers *bufio.Reader, address string, w webhook) error {
	request := fmt.Appendf(nil, "POST /api/github HTTP/1.1\r\nHost: %s\r\nUser-Agent: GitHub-Hookshot/bench\r\nContent-Type: application/json\r\n"+
		"X-GitHub-Event: %s\r\nX-GitHub-Delivery: %s\r\nX-Hub-Signature-256: %s\r\nContent-Length: %d\r\n\r\n", address, w.event, w.guid, w.signature, len(w.body))
	began := time.Now()
	if err := conn.SetDeadline(began.Add(patience)); err != nil {
		return err
	}
	if _, err := conn.Write(append(request, w.body...)); err != nil {
		return err
	}
	answer, err := http.ReadResponse(answers, nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	s.record(time.Since(began))
	if err == nil && answer.StatusCode != http.StatusAccepted {
		err = errors.New(answer.Status)
	}
	return err
}

// record keeps the longest of the times.
func (s *Sender) record(took time.Duration) {
	for {
		longest := s.longest.Load()
		if int64(took) <= longest || s.longest.CompareAndSwap(longest, int64(took)) {
			return
		}
	}
}
