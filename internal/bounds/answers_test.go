package bounds

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

var wide = JSON{Depth: MaxDepth, List: 1 << 20, Elements: 1 << 20, Members: 1 << 20}

func TestLeaseReadsWhole(t *testing.T) {
	for _, size := range []int{0, 1, firstRead - 1, firstRead, firstRead + 1, freeBytes - 1, freeBytes, freeBytes + 1, 2*freeBytes + 7} {
		want := bytes.Repeat([]byte("x"), size)
		for _, limit := range []int{size - 1, size, size + 1, 8 * freeBytes} {
			for _, r := range []io.Reader{bytes.NewReader(want), iotest.DataErrReader(bytes.NewReader(want))} {
				got, err := NewAnswers().Lease().Read(t.Context(), r, limit)
				if size > limit {
					if err == nil {
						t.Errorf("%d bytes with a limit of %d: no error", size, limit)
					}
					continue
				}
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes with a limit of %d: %d bytes, %v", size, limit, len(got), err)
				}
			}
		}
	}
	for _, size := range []int{10, firstRead + 1, freeBytes + 1} {
		for _, failure := range []error{iotest.ErrTimeout, io.ErrUnexpectedEOF} {
			r := io.MultiReader(strings.NewReader(strings.Repeat("x", size)), iotest.ErrReader(failure))
			if _, err := NewAnswers().Lease().Read(t.Context(), r, 1<<25); !errors.Is(err, failure) {
				t.Errorf("%d bytes and then %v: %v", size, failure, err)
			}
		}
	}
}

// One caller at a time has large answers; small ones never wait.
func TestLargeAnswersTakeTurns(t *testing.T) {
	elements := []byte("[" + strings.Repeat("0,", freeElements) + "0]")
	large := bytes.Repeat([]byte(" "), freeBytes+1)
	for name, use := range map[string]func(ctx context.Context, l *Lease) error{
		"bytes": func(ctx context.Context, l *Lease) error {
			_, err := l.Read(ctx, bytes.NewReader(large), 1<<25)
			return err
		},
		"elements": func(ctx context.Context, l *Lease) error { return l.Admit(ctx, wide, elements) },
		"kept": func(ctx context.Context, l *Lease) error {
			return errors.Join(l.Keep(ctx, freeBytes), l.Keep(ctx, 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := NewAnswers()
				first, second := a.Lease(), a.Lease()
				if err := errors.Join(use(t.Context(), first), use(t.Context(), first)); err != nil {
					t.Fatal(err)
				}
				paused := 0
				second.OnWait = func() func() { paused++; return func() { paused-- } }
				done := make(chan error)
				go func() { done <- use(t.Context(), second) }()
				synctest.Wait()
				select {
				case err := <-done:
					t.Fatalf("the second one did not wait: %v", err)
				default:
				}
				if paused != 1 {
					t.Errorf("OnWait: %d", paused)
				}
				third, cancelled := a.Lease(), make(chan error)
				ctx, cancel := context.WithCancel(t.Context())
				go func() { cancelled <- use(ctx, third) }()
				synctest.Wait()
				cancel()
				if err := <-cancelled; !errors.Is(err, context.Canceled) {
					t.Errorf("one that gives up: %v", err)
				}
				third.Release()
				if _, err := third.Read(t.Context(), strings.NewReader("[]"), 1<<25); err != nil {
					t.Errorf("a small one: %v", err)
				}
				first.Release()
				if err := <-done; err != nil || paused != 0 {
					t.Errorf("after the first one's release: %v, paused %d", err, paused)
				}
				second.Release()
				second.Release() // a second time does nothing
				if err := use(t.Context(), third); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestKeepIsLimited(t *testing.T) {
	l := NewAnswers().Lease()
	if err := l.Keep(t.Context(), maxKept); err != nil {
		t.Error(err)
	}
	if err := l.Keep(t.Context(), 1); !errors.Is(err, ErrTooMuch) {
		t.Errorf("above the limit: %v", err)
	}
}
